public import ClientKit

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
        public let connect: TimeLimit
        /// A Deployment's rollout.
        public let rollout: TimeLimit
        /// A migration.
        public let migration: TimeLimit
        /// A backup of the database.
        public let backup: TimeLimit
        /// Until every ingress serves the page after the rollout.
        public let page: TimeLimit
        /// The connection of a probe from a node to a pod or an ingress; the whole answer may take four times as long.
        public let probe: TimeLimit
        /// One answer of the API server, PostgreSQL, Redis, the registry or the object storage.
        public let service: TimeLimit
        /// How long a host may be silent, even to keepalives, before its connection counts as lost.
        public let silence: TimeLimit
        /// Until a master serves again, where none does in the middle of a run.
        public let master: TimeLimit
        /// An SSH agent's signature, for which it may ask its user.
        public let agent: TimeLimit
        /// One command on a host, where no other limit is meant for what it does.
        public let command: TimeLimit
        /// Gathering the evidence of a failed step.
        public let evidence: TimeLimit
        /// A command in progress after Ctrl-C or another interruption.
        public let interrupt: TimeLimit
        /// An orderly stop after `--timeout`; after it the process exits anyway.
        public let stop: TimeLimit
        /// The wait for a command of an earlier run that still runs on a host, for another change of UFW on a node, for
        /// another run that is being created on this machine, and that of a backup for tables which others have locked.
        public let lock: TimeLimit
        /// The number of hosts that may be logged in to at the same time.
        public let logins: Int

        init(_ reader: ObjectReader) {
            func limit(
                _ key: String, default seconds: InventoryValue, in range: ClosedRange<Int> = 1...86_400
            ) -> TimeLimit {
                TimeLimit(reader.value(key, .seconds(range), default: seconds), key: "limits.\(key)")
            }
            connect = limit("connect", default: 10)
            rollout = limit("rollout", default: 300)
            migration = limit("migration", default: 600)
            backup = limit("backup", default: 3600)
            page = limit("page", default: 60)
            probe = limit("probe", default: 2)
            service = limit("service", default: 15)
            // A keepalive is sent every two seconds at most.
            silence = limit("silence", default: 30, in: 5...86_400)
            // Where the masters answer or refuse, it ends before the Lease's term does, of which a quarter may have passed
            // when they are lost.
            master = limit("master", default: 30)
            agent = limit("agent", default: 30)
            command = limit("command", default: 90)
            evidence = limit("evidence", default: 30)
            interrupt = limit("interrupt", default: 2)
            stop = limit("stop", default: 60)
            lock = limit("lock", default: 60)
            logins = reader.value("logins", .integer(1...1000), default: 32)
        }
    }
}
