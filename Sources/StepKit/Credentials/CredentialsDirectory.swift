import ClientKit

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The folder of credentials files on the operator's machine.
///
/// Its methods block on files: call them off the cooperative pool.
public struct CredentialsDirectory: Sendable {
    /// The folder.
    public let path: String

    /// Names the folder; nothing is read yet.
    public init(path: String) {
        self.path = path
    }

    /// Reads the platform's files and those of `applications`; all problems in them are reported
    /// together.
    public func load(for applications: [Application]) throws(CredentialsError) -> Credentials {
        try requireFolder()
        var problems: [CredentialsProblem] = []
        let postgres = read("postgres.env", isRequired: true, &problems) { file in
            PostgresCredentials(
                user: file.text("POSTGRES_SUPERUSER", "POSTGRES_ADMIN_USER"),
                password: file.secret(
                    "POSTGRES_SUPERPASS", "POSTGRES_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"),
                host: file.optionalText("POSTGRES_HOST"), port: file.optionalPort("POSTGRES_PORT"))
        }
        let redis = read("redis.env", isRequired: true, &problems) { file in
            RedisCredentials(
                password: file.optionalSecret("REDIS_PASSWORD"),
                sentinelPassword: file.optionalSecret("REDIS_SENTINEL_PASSWORD"),
                host: file.optionalText("REDIS_HOST"), port: file.optionalPort("REDIS_PORT"))
        }
        let registry = read("ghcr.env", isRequired: true, &problems) { file in
            RegistryCredentials(username: file.text("GHCR_USERNAME"), token: file.secret("GHCR_TOKEN"))
        }
        let objectStorage = read("minio.env", isRequired: false, &problems) { file in
            ObjectStorageCredentials(
                endpoint: file.optionalText("MINIO_ENDPOINT"),
                accessKey: file.text("MINIO_ACCESS_KEY"), secretKey: file.secret("MINIO_SECRET_KEY"))
        }
        var generated: [String: [GeneratedSecret: Secret]] = [:]
        var variables: [String: [String: Secret]] = [:]
        for application in applications {
            if let file = application.generated {
                generated[file.name] = secrets(in: file, &problems)
            }
            for file in application.credentialsFiles {
                variables[file.name] = read(file.name, isRequired: false, &problems) { reader in
                    reader.refuse(file.objection)
                    return reader.values
                }
            }
        }
        guard problems.isEmpty, let postgres, let redis, let registry else {
            throw CredentialsError(
                attempt: "read the credentials in \(path)", problems: problems, kind: .badInput)
        }
        return Credentials(
            postgres: postgres, redis: redis, registry: registry, objectStorage: objectStorage,
            generated: generated, variables: variables)
    }

    /// What `place` has now of its secrets.
    func secrets(in place: GeneratedFile) throws(CredentialsError) -> [GeneratedSecret: Secret] {
        var problems: [CredentialsProblem] = []
        let found = secrets(in: place, &problems)
        guard problems.isEmpty else {
            throw CredentialsError(attempt: "read \(filePath(place.name))", problems: problems, kind: .badInput)
        }
        return found ?? [:]
    }

    private func secrets(
        in place: GeneratedFile, _ problems: inout [CredentialsProblem]
    ) -> [GeneratedSecret: Secret]? {
        read(place.name, isRequired: false, &problems) { reader in
            let found = place.secrets.map { ($0, reader.optionalSecret($0.variable)) }
            return Dictionary(uniqueKeysWithValues: found).compactMapValues(\.self)
        }
    }

    /// Writes `secrets` into `place`, mode 0600, and returns once they are on disk.
    ///
    /// Other keys and comments in the file are kept. A file that cannot be read is an error and is
    /// left unchanged.
    public func write(_ secrets: GeneratedSecrets, to place: GeneratedFile) throws(CredentialsError) {
        try requireFolder()
        let file = filePath(place.name)
        let existing: EnvFile
        do {
            existing = try envFile(file) ?? EnvFile()
        } catch {
            throw CredentialsError(
                attempt: "read \(file) before writing it", problems: error.problems, kind: error.kind)
        }
        let text = existing.text(
            setting: place.notes.map { ($0.variable, Secret($0.value)) }
                + place.secrets.map { ($0.variable, secrets[$0]) })
        do {
            // What is written must be readable again, or the next run could not use the only copy
            // of a password.
            _ = try EnvFile(Array(text.utf8), file: file)
            try WholeFile.replace(file, with: Array(text.utf8))
        } catch let error as CredentialsError {
            throw error
        } catch {
            throw notDurable(file, because: error)
        }
    }

    /// Returns once what `place` has is on disk, which a process that was killed may have written.
    func settle(_ place: GeneratedFile) throws(CredentialsError) {
        do {
            try WholeFile.settle(filePath(place.name))
        } catch {
            throw notDurable(filePath(place.name), because: error)
        }
    }

    private func notDurable(_ file: String, because error: any Error) -> CredentialsError {
        CredentialsError(
            attempt: "write \(file)",
            problems: [
                .init(
                    file: file, line: nil, message: "cannot be written durably: \(error)",
                    remedy: "check that \(path) is writable and its disk is not full")
            ], kind: .stateNotWritable)
    }

    private func filePath(_ name: String) -> String {
        "\(path)/\(name)"
    }

    private func requireFolder() throws(CredentialsError) {
        var status = stat()
        var message: String?
        if stat(path, &status) != 0 {
            message = "the folder cannot be opened: \(PrivateFile.Failure(code: errno))"
        } else if status.st_mode & S_IFMT != S_IFDIR {
            message = "is not a folder"
        }
        if let message {
            let remedy =
                "create it with postgres.env, redis.env and ghcr.env, or name another as credentials.directory"
            throw CredentialsError(
                attempt: "read the credentials in \(path)",
                problems: [.init(file: path, line: nil, message: message, remedy: remedy)], kind: .badInput)
        }
    }

    private func read<Value>(
        _ name: String, isRequired: Bool, _ problems: inout [CredentialsProblem],
        _ build: (inout CredentialsFileReader) -> Value
    ) -> Value? {
        let file = filePath(name)
        do {
            guard let contents = try envFile(file) else {
                if isRequired {
                    problems.append(
                        .init(file: file, line: nil, message: "is missing", remedy: "create \(file) with mode 600"))
                }
                return nil
            }
            var reader = CredentialsFileReader(file: file, values: contents.values)
            let value = build(&reader)
            problems += reader.problems
            return value
        } catch {
            problems += error.problems
            return nil
        }
    }

    /// The contents of `file`; nil if it does not exist.
    private func envFile(_ file: String) throws(CredentialsError) -> EnvFile? {
        do {
            let (bytes, _) = try PrivateFile.contents(of: file) { status in
                if status.st_mode & (S_IRWXG | S_IRWXO) != 0 {
                    throw CredentialsProblem(
                        file: file, line: nil, message: "is open to other users of this machine",
                        remedy: "chmod 600 \(ShellWord.quote(file))")
                }
            }
            return try EnvFile(bytes, file: file)
        } catch let error as CredentialsError {
            throw error
        } catch let failure as PrivateFile.Failure where failure.code == ENOENT {
            // A link that leads nowhere is no missing file: what it led to has secrets that a run would replace by new ones.
            guard Self.isLink(file) else { return nil }
            throw Self.unreadable(
                file, "is a link to a file that is not there",
                remedy: "mount or restore what it leads to; remove the link only if that file is gone for good")
        } catch let problem as CredentialsProblem {
            throw Self.unreadable(problem)
        } catch {
            throw Self.unreadable(
                file, "cannot be read: \(error)",
                remedy: "check that \(file) is a regular file that this user can read")
        }
    }

    private static func unreadable(_ file: String, _ message: String, remedy: String) -> CredentialsError {
        unreadable(CredentialsProblem(file: file, line: nil, message: message, remedy: remedy))
    }

    private static func unreadable(_ problem: CredentialsProblem) -> CredentialsError {
        CredentialsError(attempt: "read the credentials in \(problem.file)", problems: [problem], kind: .badInput)
    }

    private static func isLink(_ file: String) -> Bool {
        var facts = stat()
        return lstat(file, &facts) == 0 && facts.st_mode & S_IFMT == S_IFLNK
    }
}
