import StepKit

extension Inventory {
    /// What of Chatwoot runs, and how.
    var chatwoot: ChatwootSettings { section() }
}

/// Module 11's section of the inventory: what of Chatwoot runs, and how.
struct ChatwootSettings: InventorySection {
    static let key = "chatwoot"
    static let importedKeys = [
        ImportedKey("chatwoot.image", hint: "Chatwoot's image with its tag"),
        ImportedKey("chatwoot.domain", hint: "the public host name"),
    ]

    /// The namespace of everything that is made.
    let namespace: String
    /// The image of web pods, workers and migrations.
    let image: ImageReference
    /// The host name people see in the browser.
    let domain: String
    /// How many pods run.
    let replicas: Replicas
    /// What each pod asks for and may use.
    let resources: Resources
    /// The database, on the PostgreSQL service.
    let database: String
    /// The role that owns the database.
    let databaseUser: String
    /// The class of the Ingress.
    let ingressClass: String
    /// What the installation calls itself.
    let installationName: String
    /// Further variables for the ConfigMap; none that the steps set, and no secrets.
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
    /// How many pods run.
    struct Replicas: Sendable, Hashable {
        /// Pods that answer requests.
        let web: ReplicaCount
        /// Pods that work in the background.
        let worker: ReplicaCount

        init(_ reader: ObjectReader) {
            web = reader.value("web", .replicas, default: 2)
            worker = reader.value("worker", .replicas, default: 2)
        }
    }

    /// How many pods a Deployment has, or that somebody else decides that.
    enum ReplicaCount: Sendable, Hashable {
        /// This many.
        case exactly(Int)
        /// The number is set by hand or by an autoscaler.
        case leave

        /// The number that a manifest sends; `nil` for a count that is left alone.
        var number: Int? {
            if case .exactly(let number) = self { number } else { nil }
        }
    }

    /// What each pod asks for and may use.
    struct Resources: Sendable, Hashable {
        /// What the scheduler sets aside.
        let requests: Amounts
        /// What the pod may not exceed.
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
        /// How long a finished Job and its log stay.
        let timeToLive: Duration

        init(_ reader: ObjectReader) {
            timeToLive = reader.value("timeToLive", .seconds(60...31_536_000), default: 604_800)
        }
    }
}
