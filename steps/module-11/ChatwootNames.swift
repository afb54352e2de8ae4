import Kubernetes
import StepKit

/// The names that several steps share; they are those of the old scripts, so that an existing
/// platform is recognised.
enum ChatwootNames {
    static let configMap = "chatwoot-config"
    static let secret = "chatwoot-secrets"
    static let web = "chatwoot-web"
    static let worker = "chatwoot-worker"
    static let service = "chatwoot-web"
    static let ingress = "chatwoot-ingress"
    static let port = 3000
    /// The CA certificates for PostgreSQL, if the inventory names a file.
    static let postgresCA = "chatwoot-postgres-ca"
    /// The CA certificates for Redis, if the inventory names a file.
    static let redisCA = "chatwoot-redis-ca"
    /// The pods' annotation that changes with their environment.
    static let checksum = "keybuzz.io/config-checksum"
    /// Its path in a Deployment.
    static let checksumField = "spec.template.metadata.annotations[\(checksum)]"
    /// The ConfigMap's annotation that changes when its values, or the Secret's, are restored; see
    /// ``ConfigRepair``.
    static let repair = "keybuzz.io/config-repair"
    /// The annotation of a Deployment that a reset has scaled to 0: its former number of pods, if
    /// the inventory gives none.
    static let replicasBefore = "keybuzz.io/replicas-before-reset"
    /// The ConfigMap that records which image migrated the database; see ``RunMigrations``.
    static let schemaRecord = "chatwoot-schema"
    /// The Redis key without which nobody can create the first account of a new installation.
    static let onboardingKey = "alfred:CHATWOOT_INSTALLATION_ONBOARDING"

    /// The labels of everything that module 11 creates.
    static let shared = [
        "app.kubernetes.io/part-of": "keybuzz-support", "app.kubernetes.io/managed-by": "keybuzz-runner",
    ]

    /// The labels that select the pods of one component: `web`, `worker` or `migrations`.
    static func selector(_ component: String) -> [String: String] {
        ["app": "chatwoot", "component": component]
    }

    /// The labels of migration pods: a service mesh's sidecar would keep running after the task,
    /// and the Job would never end.
    static let migrationPods = selector("migrations").merging(["sidecar.istio.io/inject": "false"]) { own, _ in own }

    /// The labels of one component's objects.
    static func labels(_ component: String) -> [String: String] {
        shared.merging(selector(component)) { _, own in own }
    }
}

extension ChatwootSettings {
    /// Whether Chatwoot redirects requests that did not come over HTTPS, from FORCE_SSL as Rails
    /// reads it.
    var forcesSSL: Bool {
        guard let value = environment["FORCE_SSL"] else { return false }
        return !["", "0", "f", "F", "false", "FALSE", "off", "OFF"].contains(value)
    }
}

extension ObjectMeta {
    /// An object of module 11 in Chatwoot's namespace.
    static func chatwoot(
        _ name: String, in site: SiteReader, labels: [String: String] = ChatwootNames.shared,
        annotations: [String: String]? = nil
    ) -> ObjectMeta {
        ObjectMeta(
            name: name, namespace: site.inventory.chatwoot.namespace, labels: labels, annotations: annotations)
    }
}
