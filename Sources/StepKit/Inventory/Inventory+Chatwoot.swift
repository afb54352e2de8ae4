extension Inventory {
    /// What of Chatwoot runs, and how.
    public struct Chatwoot: Sendable, Hashable {
        /// The namespace of everything that is made.
        public let namespace: String
        /// The image of web pods, workers and migrations.
        public let image: ImageReference
        /// The host name people see in the browser.
        public let domain: String
        /// How many pods run.
        public let replicas: Replicas
        /// What each pod asks for and may use.
        public let resources: Resources
        /// The database, on the PostgreSQL service.
        public let database: String
        /// The role that owns the database.
        public let databaseUser: String
        /// The class of the Ingress.
        public let ingressClass: String
        /// What the installation calls itself.
        public let installationName: String
        /// Further variables for the ConfigMap; none that the steps set, and no secrets.
        public let environment: [String: String]
        /// How migration Jobs are kept.
        public let migration: Migration

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

    /// How many pods run.
    public struct Replicas: Sendable, Hashable {
        /// Pods that answer requests.
        public let web: ReplicaCount
        /// Pods that work in the background.
        public let worker: ReplicaCount

        init(_ reader: ObjectReader) {
            web = reader.value("web", .replicas, default: 2)
            worker = reader.value("worker", .replicas, default: 2)
        }
    }

    /// How many pods a Deployment has, or that somebody else decides that.
    public enum ReplicaCount: Sendable, Hashable {
        /// This many.
        case exactly(Int)
        /// As many as whoever scales it by hand, or its autoscaler, says.
        case leave

        /// The number that a manifest sends; `nil` for a count that is left alone.
        public var number: Int? {
            if case .exactly(let number) = self { number } else { nil }
        }
    }

    /// What each pod asks for and may use.
    public struct Resources: Sendable, Hashable {
        /// What the scheduler sets aside.
        public let requests: Amounts
        /// What the pod may not exceed.
        public let limits: Amounts

        init(_ reader: ObjectReader) {
            requests = reader.object("requests") { Amounts($0, cpu: "250m", memory: "512Mi") }
            limits = reader.object("limits") { Amounts($0, cpu: "1000m", memory: "2Gi") }
        }
    }

    /// An amount of each resource.
    public struct Amounts: Sendable, Hashable {
        /// Processor time.
        public let cpu: Quantity
        /// Memory.
        public let memory: Quantity

        init(_ reader: ObjectReader, cpu: InventoryValue, memory: InventoryValue) {
            self.cpu = reader.value("cpu", .processor, default: cpu)
            self.memory = reader.value("memory", .memory, default: memory)
        }
    }

    /// How migration Jobs are kept.
    public struct Migration: Sendable, Hashable {
        /// How long a finished Job and its log stay.
        public let timeToLive: Duration

        init(_ reader: ObjectReader) {
            timeToLive = reader.value("timeToLive", .seconds(60...31_536_000), default: 604_800)
        }
    }
}
