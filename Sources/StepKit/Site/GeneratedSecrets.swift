public import ClientKit

/// All generated secrets of an application.
public struct GeneratedSecrets: Sendable {
    private let values: [GeneratedSecret: Secret]

    /// Wraps a value for each secret.
    public init(_ values: [GeneratedSecret: Secret]) {
        self.values = values
    }

    /// Placeholders in the form of real values, for what a plan can compare before they exist.
    public static func standIn(for secrets: [GeneratedSecret]) -> GeneratedSecrets {
        GeneratedSecrets(making: secrets, unlessIn: [:])
    }

    fileprivate init(making secrets: [GeneratedSecret], unlessIn known: [GeneratedSecret: Secret]) {
        values = Dictionary(uniqueKeysWithValues: secrets.map { ($0, known[$0] ?? $0.make()) })
    }

    /// The value of `secret`, which the application has declared.
    public subscript(secret: GeneratedSecret) -> Secret {
        guard let value = values[secret] else {
            preconditionFailure("\(secret.variable) is not a generated secret of the application")
        }
        return value
    }
}

/// Finds the generated secrets: the cluster's Secret counts first, then the credentials file.
///
/// The old scripts generated new ones in every run, which broke every session and every running
/// pod.
public actor GeneratedSecretsStore {
    /// The known secrets of an application, each from the first place that has it.
    public struct Found: Sendable {
        fileprivate let file: GeneratedFile
        fileprivate let values: [GeneratedSecret: Secret]
        /// Whether the credentials file has all of them, with the same values.
        public let fileIsCurrent: Bool

        fileprivate init(_ file: GeneratedFile, values: [GeneratedSecret: Secret], fileIsCurrent: Bool) {
            self.file = file
            self.values = values
            self.fileIsCurrent = fileIsCurrent
        }

        /// The value of `secret`, if any place has one.
        public subscript(secret: GeneratedSecret) -> Secret? { values[secret] }

        /// All secrets; nil unless all exist.
        public var complete: GeneratedSecrets? {
            file.secrets.allSatisfy { values[$0] != nil } ? GeneratedSecrets(values) : nil
        }
    }

    private let directory: CredentialsDirectory
    private let filed: [String: [GeneratedSecret: Secret]]
    private let register: @Sendable (Secret) -> Void
    private var known: [GeneratedFile: Found] = [:]
    private var completed: [GeneratedFile: GeneratedSecrets] = [:]
    private var durable: Set<GeneratedFile> = []

    /// Starts with the contents of the files, by file name; passes each new secret to `register`
    /// before it is used anywhere.
    public init(
        directory: CredentialsDirectory, filed: [String: [GeneratedSecret: Secret]],
        register: @escaping @Sendable (Secret) -> Void
    ) {
        self.directory = directory
        self.filed = filed
        self.register = register
        for secret in filed.values.flatMap(\.values) { register(secret) }
    }

    /// The existing secrets of `file`; `cluster` reads the cluster's Secret, for each caller until one
    /// has the answer.
    func find(
        _ file: GeneratedFile, cluster: @Sendable () async throws -> [String: Secret]?
    ) async throws -> Found {
        if let found = known[file] { return found }
        let entries = try await cluster() ?? [:]
        for value in entries.values { register(value) }
        let filed = filed[file.name] ?? [:]
        var values: [GeneratedSecret: Secret] = [:]
        for secret in file.secrets {
            values[secret] = entries[secret.entry].nonEmpty ?? filed[secret].nonEmpty
        }
        let found = Found(
            file, values: values,
            fileIsCurrent: file.secrets.allSatisfy { values[$0] != nil && values[$0] == filed[$0] })
        known[file] = found
        return found
    }

    /// Forgets the contents of the cluster's Secret, which another run may have changed.
    public func forget() {
        known = [:]
    }

    /// Generates missing secrets, and returns all of them once the credentials file has them durably.
    func complete(_ found: Found) async throws -> GeneratedSecrets {
        let file = found.file
        let directory = directory
        try failpoint("secrets.complete")
        var present = found.values
        if found.complete == nil, completed[file] == nil {
            // Another run may have written it since it was read, as one on another machine that shares the folder.
            let filed = try await runBlocking { try directory.secrets(in: file) }
            present.merge(filed) { own, _ in own }
        }
        // Concurrent callers get the same ones.
        let secrets = completed[file] ?? GeneratedSecrets(making: file.secrets, unlessIn: present)
        completed[file] = secrets
        for secret in file.secrets { register(secrets[secret]) }
        try failpoint("secrets.writing")
        if !found.fileIsCurrent {
            try await runBlocking { try directory.write(secrets, to: file) }
        } else if !durable.contains(file) {
            // Otherwise a power cut could take away the only copy of what is in use by then.
            try await runBlocking { try directory.settle(file) }
        }
        try failpoint("secrets.durable")
        durable.insert(file)
        let values = Dictionary(uniqueKeysWithValues: file.secrets.map { ($0, secrets[$0]) })
        known[file] = Found(file, values: values, fileIsCurrent: true)
        return secrets
    }
}

extension Secret? {
    fileprivate var nonEmpty: Secret? {
        flatMap { $0.isEmpty ? nil : $0 }
    }
}
