extension Inventory {
    /// Where Kubernetes is and which networks it uses.
    public struct Cluster: Sendable, Hashable {
        /// The kubeconfig's path on the masters.
        public let kubeconfig: String
        /// The network of the nodes themselves.
        public let nodeNetwork: CIDR
        /// The network of the pods.
        public let podCIDR: CIDR
        /// The network of the Services.
        public let serviceCIDR: CIDR

        init(_ reader: ObjectReader) {
            kubeconfig = reader.value("kubeconfig", .remotePath, default: "/root/.kube/config")
            nodeNetwork = reader.value("nodeNetwork", .network)
            podCIDR = reader.value("podCIDR", .network)
            serviceCIDR = reader.value("serviceCIDR", .network)
        }
    }

    /// Time limits, and the number of concurrent logins.
    public struct Limits: Sendable, Hashable {
        /// Opening a connection and logging in.
        public let connect: Duration
        /// A Deployment's rollout.
        public let rollout: Duration
        /// A migration.
        public let migration: Duration
        /// A backup of the database.
        public let backup: Duration
        /// Until every ingress serves the page after the rollout.
        public let page: Duration
        /// One answer of PostgreSQL, Redis, the registry or the object storage.
        public let service: Duration
        /// The wait for a command of an earlier run that still runs on a host.
        public let lock: Duration
        /// The number of hosts that may be logged in to at the same time.
        public let logins: Int

        init(_ reader: ObjectReader) {
            connect = reader.value("connect", .seconds(), default: 10)
            rollout = reader.value("rollout", .seconds(), default: 300)
            migration = reader.value("migration", .seconds(), default: 600)
            backup = reader.value("backup", .seconds(), default: 3600)
            page = reader.value("page", .seconds(), default: 60)
            service = reader.value("service", .seconds(), default: 15)
            lock = reader.value("lock", .seconds(), default: 60)
            logins = reader.value("logins", .integer(1...1000), default: 32)
        }
    }
}
