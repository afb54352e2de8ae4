import ClientKit
import Foundation
import Testing

@testable import StepKit

@Suite struct CredentialsDirectoryTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "postgres.env",
            "POSTGRES_HOST=10.0.0.10\nPOSTGRES_PORT=5432\nPOSTGRES_SUPERUSER=kb_admin\nPOSTGRES_SUPERPASS='p$1'\n")
        try folder.write("redis.env", "REDIS_PASSWORD=r\n")
        try folder.write("ghcr.env", "GHCR_USERNAME=keybuzz\nGHCR_TOKEN=t\n")
    }

    private func load() throws(CredentialsError) -> Credentials {
        try CredentialsDirectory(path: folder.path).load(for: [.desk])
    }

    private func failure() throws -> CredentialsError {
        try #require(throws: CredentialsError.self) { try load() }
    }

    @Test(arguments: ["/nonexistent/credentials", "/etc/passwd"])
    func aMissingFolderIsNamed(_ path: String) throws {
        let error = try #require(throws: CredentialsError.self) { try CredentialsDirectory(path: path).load(for: []) }
        #expect(error.problems.map(\.file) == [path])
        #expect(error.kind == .badInput)
    }

    @Test func everythingThatIsMissingIsReportedAtOnce() throws {
        try FileManager.default.removeItem(atPath: folder.path + "/redis.env")
        try folder.write("postgres.env", "POSTGRES_PORT=0\nPOSTGRES_SUPERPASS=\nPGPASSWORD=''\n")
        try folder.write("ghcr.env", "GHCR_TOKEN=t\n")
        try folder.write("minio.env", "MINIO_ACCESS_KEY=a\n")
        let lines = try failure().description.replacing(folder.path + "/", with: "").split(separator: "\n")
        #expect(
            lines.dropFirst().map { $0.prefix { $0 != "→" } } == [
                "  postgres.env: POSTGRES_SUPERUSER or POSTGRES_ADMIN_USER is missing or empty ",
                "  postgres.env: POSTGRES_SUPERPASS or POSTGRES_ADMIN_PASSWORD or POSTGRES_PASSWORD or PGPASSWORD "
                    + "is missing or empty ",
                "  postgres.env: POSTGRES_PORT is not a TCP port ",
                "  redis.env: is missing ",
                "  ghcr.env: GHCR_USERNAME is missing or empty ",
                "  minio.env: MINIO_SECRET_KEY is missing or empty ",
            ])
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o601, 0o644])
    func aFileOpenToOthersIsRefusedWithTheRemedy(_ mode: Int) throws {
        try folder.write("ghcr.env", "GHCR_USERNAME=keybuzz\nGHCR_TOKEN=t\n", mode: mode)
        let error = try failure()
        #expect(error.problems.map(\.remedy) == ["chmod 600 '\(folder.path)/ghcr.env'"])
    }

    @Test func aFolderInAFilesPlaceIsRefused() throws {
        try FileManager.default.removeItem(atPath: folder.path + "/redis.env")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/redis.env", withIntermediateDirectories: false)
        #expect(try failure().problems.map(\.message) == ["cannot be read: Is a directory"])
    }

    /// What it led to has secrets that a run would replace, or remove from the cluster.
    @Test(arguments: ["desk.env", "desk-extra.env", "minio.env", "redis.env"])
    func aLinkThatLeadsNowhereIsNoMissingFile(_ name: String) throws {
        let file = "\(folder.path)/\(name)"
        if name == "redis.env" { try FileManager.default.removeItem(atPath: file) }
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "/nonexistent/\(name)")
        let problems = try failure().problems.map { "\($0.file) \($0.message)" }
        #expect(problems == ["\(file) is a link to a file that is not there"])
        if name == "desk.env" {
            #expect(throws: CredentialsError.self) {
                try CredentialsDirectory(path: folder.path).write(.standIn(for: GeneratedFile.desk.secrets), to: .desk)
            }
        }
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: file) == "/nonexistent/\(name)")
    }

    @Test func variablesThatAnApplicationRefusesAreNamedWithTheirFile() throws {
        try folder.write("desk-extra.env", "Z=1\nSMTP_PASSWORD=x\nRESERVED_B=y\nRESERVED_A=z\n")
        let problems = try failure().problems
        #expect(problems.map(\.message) == ["RESERVED_A is taken", "RESERVED_B is taken"])
        #expect(problems.first?.remedy == "remove RESERVED_A from \(folder.path)/desk-extra.env")
    }

    @Test func filesOfOtherApplicationsAreNotRead() throws {
        try folder.write("desk.env", "DESK_PASSWORD='broken\n")
        #expect(throws: CredentialsError.self) { try load() }
        let credentials = try CredentialsDirectory(path: folder.path).load(for: [])
        #expect(credentials.generated.isEmpty && credentials.variables.isEmpty)
    }

    @Test func allFilesAreReadIntoTypedValues() throws {
        try folder.write("minio.env", "MINIO_ENDPOINT=http://10.0.0.134:9000\nMINIO_ACCESS_KEY=a\nMINIO_SECRET_KEY=s\n")
        try folder.write("desk-extra.env", "SMTP_PASSWORD=x\n")
        try folder.write("redis.env", "REDIS_PASSWORD=r\nREDIS_SENTINEL_PASSWORD=rs\n")
        let credentials = try load()
        #expect(credentials.redis.sentinelPassword == Secret("rs"))
        #expect(credentials.allSecrets.contains(Secret("rs")))
        #expect(credentials.postgres.user == "kb_admin")
        #expect(credentials.postgres.password == Secret("p$1"))
        #expect(credentials.postgres.host == "10.0.0.10")
        #expect(credentials.postgres.port == 5432)
        #expect(credentials.redis.password == Secret("r"))
        #expect(credentials.registry.token == Secret("t"))
        #expect(credentials.objectStorage?.secretKey == Secret("s"))
        #expect(credentials.generated.isEmpty)
        #expect(credentials.variables == ["desk-extra.env": ["SMTP_PASSWORD": Secret("x")]])
        #expect(credentials.allSecrets.contains(Secret("x")))
    }

    @Test(arguments: [
        ["PGPASSWORD"], ["POSTGRES_PASSWORD", "PGPASSWORD"],
        ["POSTGRES_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"],
        ["POSTGRES_SUPERPASS", "POSTGRES_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"],
    ])
    func theFirstOfTheOlderNamesCounts(_ names: [String]) throws {
        let passwords = names.reversed().map { "\($0)=of-\($0)\n" }.joined()
        try folder.write("postgres.env", "POSTGRES_ADMIN_USER=old\n" + passwords)
        let postgres = try load().postgres
        #expect(postgres.user == "old")
        #expect(postgres.password == Secret("of-" + names[0]))
    }

    @Test func onlyTheSecretsOfAGeneratedFileAreSecrets() throws {
        try folder.write("desk.env", "DESK_DB=desk\nDESK_PASSWORD=x\nDESK_KEY=\n")
        let credentials = try load()
        #expect(credentials.generated == ["desk.env": [.deskPassword: Secret("x")]])
        #expect(credentials.allSecrets.contains(Secret("x")))
        #expect(!credentials.allSecrets.contains(Secret("desk")))
    }

    @Test func aBrokenGeneratedFileStaysAsItIs() throws {
        try folder.write("desk.env", "DESK_PASSWORD='keep\n")
        #expect(throws: CredentialsError.self) {
            try CredentialsDirectory(path: folder.path).write(
                .standIn(for: GeneratedFile.desk.secrets), to: .desk)
        }
        #expect(try folder.read("desk.env") == "DESK_PASSWORD='keep\n")
    }

    @Test func aValueThatWouldNotReadBackIsNotWritten() throws {
        #expect(throws: CredentialsError.self) {
            try CredentialsDirectory(path: folder.path).write(
                GeneratedSecrets([.deskPassword: Secret("two\nlines"), .deskKey: Secret("k")]), to: .desk)
        }
        #expect(try folder.names() == ["ghcr.env", "postgres.env", "redis.env"])
    }

    @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
        // A folder in the way makes the rename fail after the temporary file was written.
        let target = folder.path + "/taken"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
        #expect(throws: WholeFile.Failure.self) { try WholeFile.replace(target, with: [1]) }
        #expect(try folder.names() == ["ghcr.env", "postgres.env", "redis.env", "taken"])
    }

    @Test func whatIsWrittenIsPrivateAndReadsBack() throws {
        let directory = CredentialsDirectory(path: folder.path)
        let password = Secret("it's $HOME `x` \\ \"é\u{301}")
        let key = SecretGenerator.hexadecimalKey()
        let secrets: [GeneratedSecret: Secret] = [.deskPassword: password, .deskKey: key]
        try directory.write(GeneratedSecrets(secrets), to: .desk)
        #expect(try folder.mode("desk.env") == 0o600)
        #expect(try folder.names() == ["desk.env", "ghcr.env", "postgres.env", "redis.env"])
        #expect(try load().generated == ["desk.env": secrets])
        #expect(try folder.read("desk.env").hasPrefix("DESK_DB='desk'\nDESK_PASSWORD='it"))
    }

    @Test func otherKeysAndCommentsStayInTheirPlaces() throws {
        try folder.write("desk.env", "# by hand\nexport DESK_PASSWORD=old # x\n\nMORE=\"a b\"\n")
        try CredentialsDirectory(path: folder.path).write(
            GeneratedSecrets([.deskPassword: Secret("new"), .deskKey: Secret("k")]), to: .desk)
        #expect(
            try folder.read("desk.env")
                == "# by hand\nDESK_PASSWORD='new'\n\nMORE=\"a b\"\nDESK_DB='desk'\nDESK_KEY='k'\n")
    }

    @Test func generatedSecretsAreSafeEverywhereAndDifferent() {
        let passwords = (0..<50).map { _ in SecretGenerator.password() }
        #expect(Set(passwords).count == 50)
        for password in passwords {
            #expect(password.reveal().wholeMatch(of: /[A-Za-z][A-Za-z0-9]{39}/) != nil)
        }
        #expect(SecretGenerator.hexadecimalKey().reveal().wholeMatch(of: /[0-9a-f]{128}/) != nil)
        #expect(SecretGenerator.hexadecimalKey() != SecretGenerator.hexadecimalKey())
    }
}

extension GeneratedSecret {
    static let deskPassword = GeneratedSecret(
        entry: "POSTGRES_PASSWORD", variable: "DESK_PASSWORD", form: .password)
    static let deskKey = GeneratedSecret(
        entry: "SECRET_KEY_BASE", variable: "DESK_KEY", form: .hexadecimalKey)
}

extension GeneratedFile {
    /// Two secrets and the database that the first is for.
    static let desk = GeneratedFile(
        name: "desk.env", secretName: "desk-secrets", secrets: [.deskPassword, .deskKey],
        notes: [Note(variable: "DESK_DB", value: "desk")])
}

extension Application {
    /// An application with all kinds of credentials files.
    static let desk = Application(
        namespace: "desk", generated: .desk,
        credentialsFiles: [
            CredentialsFile("desk-extra.env") { $0.hasPrefix("RESERVED") ? "is taken" : nil }
        ])
}
