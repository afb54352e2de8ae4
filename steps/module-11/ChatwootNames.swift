import Kubernetes
import StepKit

/// The names that several steps share; they are those of the old scripts, so that an existing platform is recognised.
enum ChatwootNames {
    static let configMap = "chatwoot-config"
    static let secret = "chatwoot-secrets"
    static let web = "chatwoot-web"
    static let worker = "chatwoot-worker"
    static let service = "chatwoot-web"
    static let ingress = "chatwoot-ingress"
    static let port = 3000
    /// The authorities of PostgreSQL's certificate, where the inventory names a file of them.
    static let postgresCA = "chatwoot-postgres-ca"
    /// The authorities of Redis' certificate, where the inventory names a file of them.
    static let redisCA = "chatwoot-redis-ca"
    /// The pods' annotation that changes with their environment.
    static let checksum = "keybuzz.io/config-checksum"
    /// Where a Deployment has it.
    static let checksumField = "spec.template.metadata.annotations[\(checksum)]"
    /// The ConfigMap's annotation that changes when its values, or the Secret's, are put back; see ``ConfigRepair``.
    static let repair = "keybuzz.io/config-repair"
    /// A Deployment's annotation, while a reset keeps it without pods: how many it had, where the inventory gives no number.
    static let replicasBefore = "keybuzz.io/replicas-before-reset"
    /// Records which image migrated the database to what; see ``RunMigrations``.
    static let schemaRecord = "chatwoot-schema"
    /// The Redis key without which nobody can create the first account of a new installation.
    static let onboardingKey = "alfred:CHATWOOT_INSTALLATION_ONBOARDING"

    /// The labels of everything module 11 makes.
    static let shared = [
        "app.kubernetes.io/part-of": "keybuzz-support", "app.kubernetes.io/managed-by": "keybuzz-runner",
    ]

    /// The labels that select the pods of one component: `web`, `worker` or `migrations`.
    static func selector(_ component: String) -> [String: String] {
        ["app": "chatwoot", "component": component]
    }

    /// The labels of migration pods: a mesh's sidecar would go on after the task, and the Job would never end.
    static let migrationPods = selector("migrations").merging(["sidecar.istio.io/inject": "false"]) { own, _ in own }

    /// The labels of one component's objects.
    static func labels(_ component: String) -> [String: String] {
        shared.merging(selector(component)) { _, own in own }
    }
}

extension ChatwootSettings {
    /// Whether Chatwoot redirects what does not say that it came by https; as Rails reads a switch.
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
