import StepKit

extension Inventory {
    /// The settings of Chatwoot.
    var chatwoot: ChatwootSettings { section() }
}

/// Module 11's section of the inventory.
struct ChatwootSettings: InventorySection {
    static let key = "chatwoot"
    static let importedKeys = [
        ImportedKey("chatwoot.image", hint: "Chatwoot's image with its tag"),
        ImportedKey("chatwoot.domain", hint: "the public host name"),
    ]

    /// The namespace of everything that the module creates.
    let namespace: String
    /// The image of web pods, workers and migrations.
    let image: ImageReference
    /// The host name that people see in the browser.
    let domain: String
    /// The numbers of pods.
    let replicas: Replicas
    /// The resources of each pod.
    let resources: Resources
    /// The database, on the PostgreSQL service.
    let database: String
    /// The role that owns the database.
    let databaseUser: String
    /// The class of the Ingress.
    let ingressClass: String
    /// The installation's name in the user interface.
    let installationName: String
    /// Additional variables for the ConfigMap; none that the steps set, and no secrets.
    let environment: [String: String]
    /// How migration Jobs are kept.
    let migration: Migration

    init(_ reader: ObjectReader) {
        namespace = reader.value("namespace", .label, default: "chatwoot")
        image = reader.value("image", .image)
        domain = reader.value("domain", .domain)
        replicas = reader.object("replicas", Replicas.init)
        resources = reader.object("resources", Resources.init)
        database = reader.value("database", .chatwootIdentifier, default: "chatwoot")
        databaseUser = reader.value("databaseUser", .chatwootIdentifier, default: "chatwoot")
        ingressClass = reader.value("ingressClass", .subdomain, default: "nginx")
        installationName = reader.value("installationName", .line, default: "KeyBuzz")
        environment = reader.table("environment", names: .variableName)
        migration = reader.object("migration", Migration.init)
    }
}

extension ChatwootSettings {
    /// The numbers of pods.
    struct Replicas: Sendable, Hashable {
        /// Pods that serve requests.
        let web: ReplicaCount
        /// Pods that process background jobs.
        let worker: ReplicaCount

        init(_ reader: ObjectReader) {
            web = reader.value("web", .replicas, default: 2)
            worker = reader.value("worker", .replicas, default: 2)
        }
    }

    /// The number of pods of a Deployment, or that it is left to others.
    enum ReplicaCount: Sendable, Hashable {
        /// This many.
        case exactly(Int)
        /// The number is set by hand or by an autoscaler.
        case leave

        /// The number for the manifest; `nil` if it is left to others.
        var number: Int? {
            if case .exactly(let number) = self { number } else { nil }
        }
    }

    /// The resources of each pod.
    struct Resources: Sendable, Hashable {
        /// What the scheduler reserves.
        let requests: Amounts
        /// What the pod must not exceed.
        let limits: Amounts

        init(_ reader: ObjectReader) {
            requests = reader.object("requests") { Amounts($0, cpu: "250m", memory: "512Mi") }
            limits = reader.object("limits") { Amounts($0, cpu: "1000m", memory: "2Gi") }
        }
    }

    /// An amount of each resource.
    struct Amounts: Sendable, Hashable {
        /// Processor time.
        let cpu: Quantity
        /// Memory.
        let memory: Quantity

        init(_ reader: ObjectReader, cpu: InventoryValue, memory: InventoryValue) {
            self.cpu = reader.value("cpu", .processor, default: cpu)
            self.memory = reader.value("memory", .memory, default: memory)
        }
    }

    /// How migration Jobs are kept.
    struct Migration: Sendable, Hashable {
        /// How long a finished Job and its log are kept.
        let timeToLive: Duration

        init(_ reader: ObjectReader) {
            timeToLive = reader.value("timeToLive", .seconds(60...31_536_000), default: 604_800)
        }
    }
}
