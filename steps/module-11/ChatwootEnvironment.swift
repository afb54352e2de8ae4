import ClientKit
import Foundation
import Kubernetes
import StepKit

/// Everything that Chatwoot reads from its environment, under the names that v3.12.0 uses.
struct ChatwootEnvironment: Sendable {
    /// The variables for the ConfigMap.
    let plain: [String: String]
    /// The variables for the Secret.
    let secret: [String: Secret]
    /// The certificates that pods mount.
    let certificates: [String: String]
    /// Changes whenever foreign values in the ConfigMap or the Secret are restored; see
    /// ``ConfigRepair``.
    var repair: String?

    /// Derives the environment from the inventory, the credentials files and the generated secrets.
    init(_ site: SiteReader, _ generated: GeneratedSecrets) {
        let chatwoot = site.inventory.chatwoot
        var plain = chatwoot.environment
        plain.merge([
            "RAILS_ENV": "production",
            "FRONTEND_URL": "https://\(chatwoot.domain)",
            "INSTALLATION_ENV": chatwoot.installationName,
            "POSTGRES_HOST": site.inventory.postgres.hosts.joined(separator: ","),
            "POSTGRES_PORT": String(site.inventory.postgres.port),
            "POSTGRES_DATABASE": chatwoot.database,
            "POSTGRES_USERNAME": chatwoot.databaseUser,
        ]) { _, own in own }
        plain.merge(PostgresTrust(site).variables) { _, own in own }
        plain.merge(RedisTrust(site).variables) { _, own in own }
        var secret = site.credentials[.chatwootExtra]
        secret.merge([
            "POSTGRES_PASSWORD": generated.databasePassword,
            "SECRET_KEY_BASE": generated.secretKeyBase,
        ]) { _, own in own }
        // Without a password the variable is not set; only Chatwoot treats an empty one as none.
        secret["REDIS_PASSWORD"] = site.credentials.redis.password
        secret.merge(RedisTrust(site).secrets) { _, own in own }
        if let storage = site.inventory.objectStorage, let keys = site.credentials.objectStorage {
            plain.merge([
                "ACTIVE_STORAGE_SERVICE": "s3_compatible",
                "STORAGE_ENDPOINT": storage.endpoint,
                "STORAGE_BUCKET_NAME": storage.bucket,
                "STORAGE_REGION": storage.region,
                "STORAGE_FORCE_PATH_STYLE": "true",
            ]) { _, own in own }
            secret["STORAGE_ACCESS_KEY_ID"] = Secret(keys.accessKey)
            secret["STORAGE_SECRET_ACCESS_KEY"] = keys.secretKey
        }
        certificates = RedisTrust(site).files.merging(
            PostgresTrust(site).certificates.map { ["postgres": $0] } ?? [:]
        ) { own, _ in own }
        self.plain = plain
        self.secret = secret
    }

    /// SHA-256 over every name and value: pods with it in their template are replaced if, and only
    /// if, the environment changes or was repaired.
    ///
    /// Not guessable from outside, since SECRET_KEY_BASE alone adds 512 random bits.
    var checksum: String { digest(repair.map { ["": $0] } ?? [:]) }

    /// SHA-256 over every name and value, and over `more`, whose names are not those of variables.
    func digest(_ more: [String: String]) -> String {
        var hash = SHA256()
        let files = Dictionary(uniqueKeysWithValues: certificates.map { ("=file \($0)", $1) })
        let all = more.merging(files) { _, own in own }
            .merging(plain) { _, own in own }
            .merging(secret.mapValues { $0.reveal() }) { _, own in own }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) {
            hash.update(data: Data("\(name.utf8.count):\(name)\(value.utf8.count):\(value)".utf8))
        }
        return hash.finalize().hex
    }

    /// The namespace, the ConfigMap and the Secret.
    func manifests(in site: SiteReader) -> [any Manifest] {
        let namespace = ObjectMeta(
            name: site.inventory.chatwoot.namespace,
            labels: ChatwootNames.shared.merging(["app": "keybuzz-support", "component": "chatwoot"]) { _, own in own })
        return [
            Namespace(metadata: namespace),
            ConfigMap(
                metadata: .chatwoot(
                    ChatwootNames.configMap, in: site, annotations: repair.map { [ChatwootNames.repair: $0] }),
                data: plain),
            SecretObject(metadata: .chatwoot(ChatwootNames.secret, in: site), data: secret),
        ] + [PostgresTrust(site).manifest(in: site), RedisTrust(site).manifest(in: site)].compactMap { $0 }
    }
}
