extension Inventory {
    /// How a user who is not root gets root's rights on a host.
    public enum Become: String, Sendable, CaseIterable {
        /// By sudo, without a password.
        case sudo
        /// Not at all.
        case nothing = "none"
    }

    /// How to log in to the hosts.
    public struct SSHSettings: Sendable, Hashable {
        /// The key that is offered, and the only one.
        public enum Identity: Sendable, Hashable {
            /// A private key in a file.
            case file(String)
            /// A key in the agent, found by the file of its public half.
            case agent(publicKey: String)
        }

        /// The account, unless a host says otherwise.
        public let user: String
        /// How that account gets root's rights, unless a host says otherwise.
        public let become: Become
        /// The TCP port, unless a host says otherwise.
        public let port: Int
        /// The key that is offered.
        public let identity: Identity
        /// The files of known host keys, absolute paths.
        public let knownHosts: [String]
        /// The host that the others are reached through, unless one says otherwise; nil where all are reached straight.
        public let via: String?

        init(_ reader: ObjectReader) {
            user = reader.value("user", .account, default: "root")
            become = reader.value("become", .choice(placeholder: .nothing), default: "none")
            port = reader.value("port", .port, default: 22)
            let file = reader.optional("key", .localPath(reader.session))
            let agent = reader.optional("agent", .localPath(reader.session))
            knownHosts = reader.list(
                "knownHosts", of: .localPath(reader.session), default: ["~/.ssh/known_hosts"])
            via = reader.optional("via", .subdomain)
            identity = file.map(Identity.file) ?? .agent(publicKey: agent ?? "")
            reader.requireOne(of: "key", "agent")
        }
    }

    /// What a host is for.
    public enum Role: String, Sendable, CaseIterable {
        /// Serves the Kubernetes API and has kubectl and a kubeconfig.
        case master
        /// Carries pods.
        case worker
        /// Where the operator works: outside Kubernetes.
        case `operator`
        /// Keeps backups: outside Kubernetes.
        case backup
    }

    /// One machine.
    public struct Host: Sendable, Hashable {
        /// The name, unique; for Kubernetes nodes the name of the node.
        public let name: String
        /// The IP address or host name SSH connects to.
        public let address: String
        /// What the host is for.
        public let roles: Set<Role>
        /// The TCP port of its sshd.
        public let port: Int
        /// The account to log in to.
        public let user: String
        /// How that account gets root's rights; has no effect for root.
        public let become: Become
        /// The name of the host that this one is reached through; nil where it is reached straight.
        public let via: String?

        /// The value of `via` that means no jump host.
        static let straight = "direct"

        init(_ reader: ObjectReader, defaults: SSHSettings) {
            name = reader.value("name", .subdomain)
            address = reader.value("address", .address)
            roles = Set(reader.list("roles", of: .choice(placeholder: Role.worker)))
            port = reader.optional("port", .port) ?? defaults.port
            user = reader.optional("user", .account) ?? defaults.user
            become = reader.optional("become", .choice(placeholder: .nothing)) ?? defaults.become
            // The jump host of all is not reached through itself.
            let way = reader.optional("via", .subdomain) ?? (name == defaults.via ? nil : defaults.via)
            via = way == Self.straight ? nil : way
        }
    }

    /// What to do about the firewall on Kubernetes nodes.
    public struct Firewall: Sendable, Hashable {
        /// The state UFW is brought to on every node; hosts outside Kubernetes are never touched.
        public enum Policy: String, Sendable, CaseIterable {
            /// UFW is switched off.
            case disabled
            /// UFW stays as it is, with rules for input and routed traffic of the pod network.
            case allowPodNetwork = "allow-pod-network"
            /// Nothing is changed.
            case leave
        }

        /// The state UFW is brought to.
        public let policy: Policy

        init(_ reader: ObjectReader) {
            policy = reader.value("policy", .choice(placeholder: .leave))
        }
    }
}
