import ClientKit
import StepKit

extension GeneratedSecret {
    /// The password of Chatwoot's database role.
    static let databasePassword = GeneratedSecret(
        entry: "POSTGRES_PASSWORD", variable: "CHATWOOT_PASSWORD", form: .password)

    /// The key with which Rails signs sessions and encrypts data; losing it makes encrypted data
    /// unreadable.
    static let secretKeyBase = GeneratedSecret(
        entry: "SECRET_KEY_BASE", variable: "SECRET_KEY_BASE", form: .hexadecimalKey)

    /// All secrets that are generated for Chatwoot.
    static let chatwoot = [databasePassword, secretKeyBase]
}

extension GeneratedFile {
    /// The name of Chatwoot's file in the credentials folder.
    static let chatwootName = "chatwoot.env"

    /// `chatwoot.env`, and the Secret that Chatwoot's pods read.
    static func chatwoot(_ inventory: StepKit.Inventory) -> GeneratedFile {
        GeneratedFile(
            name: chatwootName, secretName: ChatwootNames.secret, secrets: GeneratedSecret.chatwoot,
            notes: [
                Note(variable: "CHATWOOT_DB", value: inventory.chatwoot.database),
                Note(variable: "CHATWOOT_USER", value: inventory.chatwoot.databaseUser),
            ])
    }
}

extension CredentialsFile {
    /// Additional variables for Chatwoot's Secret.
    static let chatwootExtra = CredentialsFile("chatwoot-extra.env") { name in
        ReservedVariables.objectionToAny(name)
    }
}

extension GeneratedSecrets {
    /// The password of Chatwoot's database role.
    var databasePassword: Secret { self[.databasePassword] }
    /// The key with which Rails signs sessions and encrypts data.
    var secretKeyBase: Secret { self[.secretKeyBase] }
}

extension GeneratedSecretsStore.Found {
    /// The password of Chatwoot's database role, if any place has one.
    var databasePassword: Secret? { self[.databasePassword] }
}
