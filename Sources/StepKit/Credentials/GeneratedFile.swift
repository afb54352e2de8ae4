import ClientKit

/// A secret that is generated once for an installation and never rotated.
public struct GeneratedSecret: Sendable, Hashable {
    /// What a new value looks like.
    public enum Form: Sendable, Hashable {
        /// 40 letters and digits, the first a letter.
        case password
        /// 128 hexadecimal digits.
        case hexadecimalKey
    }

    /// Its entry in the cluster's Secret.
    public let entry: String
    /// Its variable in the credentials file.
    public let variable: String
    /// What a new value looks like.
    public let form: Form

    /// Describes a secret; see the properties.
    public init(entry: String, variable: String, form: Form) {
        self.entry = entry
        self.variable = variable
        self.form = form
    }

    func make() -> Secret {
        switch form {
        case .password: SecretGenerator.password()
        case .hexadecimalKey: SecretGenerator.hexadecimalKey()
        }
    }
}

/// The places of an application's generated secrets: a Secret in the cluster, and a credentials
/// file.
public struct GeneratedFile: Sendable, Hashable {
    /// A variable that says what the secrets are for.
    public struct Note: Sendable, Hashable {
        /// Its name in the file.
        public let variable: String
        /// Its value, which is not secret.
        public let value: String

        /// Describes a variable; see the properties.
        public init(variable: String, value: String) {
            self.variable = variable
            self.value = value
        }
    }

    /// The file's name in the credentials folder.
    public let name: String
    /// The Secret's name in the application's namespace.
    public let secretName: String
    /// The secrets.
    public let secrets: [GeneratedSecret]
    /// The variables that are written before them.
    public let notes: [Note]

    /// Describes a file; see the properties.
    public init(name: String, secretName: String, secrets: [GeneratedSecret], notes: [Note] = []) {
        self.name = name
        self.secretName = secretName
        self.secrets = secrets
        self.notes = notes
    }
}

/// Another credentials file of an application, which may be missing.
public struct CredentialsFile: Sendable {
    /// The file's name in the credentials folder.
    public let name: String
    /// Why a variable must not be in it; nil if it may.
    let objection: @Sendable (String) -> String?

    /// Names a file; `objection` says why a variable must not be in it.
    public init(_ name: String, objection: @escaping @Sendable (String) -> String? = { _ in nil }) {
        self.name = name
        self.objection = objection
    }
}
