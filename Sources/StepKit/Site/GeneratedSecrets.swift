public import ClientKit

/// The two secrets that are generated once for an installation and never rotated.
public struct GeneratedSecrets: Sendable {
    /// The password of Chatwoot's database role.
    public let databasePassword: Secret
    /// What Rails signs sessions and encrypts data with; losing it makes encrypted data unreadable.
    public let secretKeyBase: Secret

    /// Wraps the two.
    public init(databasePassword: Secret, secretKeyBase: Secret) {
        self.databasePassword = databasePassword
        self.secretKeyBase = secretKeyBase
    }

    /// Values that nobody uses, in the shape of the real ones: for comparing what a plan can know before they exist.
    public static func standIn() -> GeneratedSecrets {
        GeneratedSecrets(
            databasePassword: SecretGenerator.password(), secretKeyBase: SecretGenerator.secretKeyBase())
    }
}

/// Finds the generated secrets in their order of truth: the cluster's Secret, then `chatwoot.env`, then nothing.
///
/// The old scripts made new ones at every run, which cut every session and every running pod off.
public actor GeneratedSecretsStore {
    /// What is known of the two, each from the first place that has it.
    public struct Found: Sendable {
        /// The database password, if any place has one.
        public let databasePassword: Secret?
        /// The key, if any place has one.
        public let secretKeyBase: Secret?
        /// Whether `chatwoot.env` holds both, in the same values.
        public let fileIsCurrent: Bool

        /// Both, once both exist.
        public var complete: GeneratedSecrets? {
            guard let databasePassword, let secretKeyBase else { return nil }
            return GeneratedSecrets(databasePassword: databasePassword, secretKeyBase: secretKeyBase)
        }
    }

    private let directory: CredentialsDirectory
    private let file: ChatwootCredentials?
    private let register: @Sendable (Secret) -> Void
    private var known: Found?
    private var completed: GeneratedSecrets?

    /// Looks into `file`, the parsed `chatwoot.env`; tells `register` every secret it learns before anyone else sees it.
    public init(
        directory: CredentialsDirectory, file: ChatwootCredentials?, register: @escaping @Sendable (Secret) -> Void
    ) {
        self.directory = directory
        self.file = file
        self.register = register
        for secret in [file?.password, file?.secretKeyBase].compactMap({ $0 }) { register(secret) }
    }

    /// What exists; `cluster` reads the cluster's Secret and is asked once.
    func find(cluster: @Sendable () async throws -> [String: Secret]?) async throws -> Found {
        if let known { return known }
        let secret = try await cluster() ?? [:]
        for value in secret.values { register(value) }
        let password = secret["POSTGRES_PASSWORD"].nonEmpty ?? file?.password.nonEmpty
        let key = secret["SECRET_KEY_BASE"].nonEmpty ?? file?.secretKeyBase.nonEmpty
        let found = Found(
            databasePassword: password, secretKeyBase: key,
            fileIsCurrent: password != nil && key != nil && file?.password == password && file?.secretKeyBase == key)
        known = found
        return found
    }

    /// Forgets what the cluster's Secret said, since another run may have changed it.
    public func forget() {
        known = nil
    }

    /// Makes what is missing and writes both to `chatwoot.env`, durably, before returning them for use anywhere.
    func complete(_ found: Found, for database: Application.Database) async throws -> GeneratedSecrets {
        // Whoever asks at the same time gets the same two, not others.
        let secrets =
            completed
            ?? GeneratedSecrets(
                databasePassword: found.databasePassword ?? SecretGenerator.password(),
                secretKeyBase: found.secretKeyBase ?? SecretGenerator.secretKeyBase())
        completed = secrets
        register(secrets.databasePassword)
        register(secrets.secretKeyBase)
        if !found.fileIsCurrent {
            let directory = directory
            let contents = ChatwootCredentials(
                database: database.name, user: database.user, password: secrets.databasePassword,
                secretKeyBase: secrets.secretKeyBase)
            try await runBlocking { try directory.write(contents) }
        }
        known = Found(
            databasePassword: secrets.databasePassword, secretKeyBase: secrets.secretKeyBase, fileIsCurrent: true)
        return secrets
    }
}

extension Secret? {
    fileprivate var nonEmpty: Secret? {
        flatMap { $0.isEmpty ? nil : $0 }
    }
}
