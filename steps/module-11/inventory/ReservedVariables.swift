import StepKit

/// The variables that `chatwoot.environment` must not set, and why.
enum ReservedVariables {
    private static let setBySteps: Set<String> = [
        "ACTIVE_STORAGE_SERVICE", "FRONTEND_URL", "INSTALLATION_ENV", "PGSSLMODE", "PGSSLROOTCERT",
        "PGTARGETSESSIONATTRS", "PORT", "POSTGRES_DATABASE", "POSTGRES_HOST",
        "POSTGRES_PORT", "POSTGRES_STATEMENT_TIMEOUT", "POSTGRES_USERNAME", "RAILS_ENV", "RAILS_LOG_TO_STDOUT",
        "REDIS_SENTINELS", "REDIS_SENTINEL_MASTER_NAME", "REDIS_URL", "SSL_CERT_DIR", "STORAGE_BUCKET_NAME",
        "STORAGE_ENDPOINT", "STORAGE_FORCE_PATH_STYLE",
        "STORAGE_REGION",
    ]

    private static let secretsOfSteps: Set<String> = [
        "POSTGRES_PASSWORD", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "SECRET_KEY_BASE", "STORAGE_ACCESS_KEY_ID",
        "STORAGE_SECRET_ACCESS_KEY",
    ]

    private static let overriding: Set<String> = [
        "DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGOPTIONS", "PGPORT", "PGSERVICE",
    ]

    private static let notRead: [String: String] = [
        "POSTGRES_DB": "POSTGRES_DATABASE", "POSTGRES_USER": "POSTGRES_USERNAME",
        "REDIS_HOST": "REDIS_URL", "REDIS_PORT": "REDIS_URL",
    ]

    /// What is wrong with setting `name` to `value` in the ConfigMap; nil if it may be set.
    static func objection(to name: String, value: String) -> String? {
        if let objection = objectionToAny(name) {
            return objection
        }
        if ["SMTP_TLS", "SMTP_SSL"].contains(name), ["", "0", "false", "no", "off"].contains(value.lowercased()) {
            return "counts as switched on for Chatwoot as soon as it exists, whatever its value; remove it"
        }
        if name.contains(/(?i)(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_KEY|API_KEY|ACCESS_KEY)/) {
            return "looks like a secret, and everything here is written to a ConfigMap; "
                + "put it into \(CredentialsFile.chatwootExtra.name) in the credentials folder"
        }
        return nil
    }

    /// What is wrong with setting `name` at all, even as a secret; nil if it may be set.
    static func objectionToAny(_ name: String) -> String? {
        if setBySteps.contains(name) {
            return "is set by the steps, from the inventory's other keys; remove it"
        }
        if secretsOfSteps.contains(name) {
            return "is a secret the steps take from the credentials files; remove it here"
        }
        if overriding.contains(name) {
            return "would override the connection the steps set up and check; remove it"
        }
        if let right = notRead[name] {
            return "is not read by Chatwoot; the steps set \(right)"
        }
        return nil
    }
}
