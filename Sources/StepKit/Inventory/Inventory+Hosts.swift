extension Inventory {
    /// How a user other than root becomes root on a host.
    public enum Become: String, Sendable, CaseIterable {
        /// With sudo, without a password.
        case sudo
        /// Not at all.
        case nothing = "none"
    }

    /// How to log in to the hosts.
    public struct SSHSettings: Sendable, Hashable {
        /// The only key that is offered.
        public enum Identity: Sendable, Hashable {
            /// A private key in a file.
            case file(String)
            /// A key in the agent, identified by its public key file.
            case agent(publicKey: String)
        }

        /// The account, unless a host says otherwise.
        public let user: String
        /// How that account becomes root, unless a host says otherwise.
        public let become: Become
        /// The TCP port, unless a host says otherwise.
        public let port: Int
        /// The key that is offered.
        public let identity: Identity
        /// The absolute paths of the known_hosts files.
        public let knownHosts: [String]
        /// The jump host for all other hosts, unless a host says otherwise; nil if they are reached
        /// directly.
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
        /// Runs pods.
        case worker
        /// The operator's machine, outside Kubernetes.
        case `operator`
        /// Stores backups, outside Kubernetes.
        case backup
    }

    /// One machine.
    public struct Host: Sendable, Hashable {
        /// The name, unique; for Kubernetes nodes the name of the node.
        public let name: String
        /// The IP address or host name that SSH connects to.
        public let address: String
        /// What the host is for.
        public let roles: Set<Role>
        /// The TCP port of its sshd.
        public let port: Int
        /// The account to log in as.
        public let user: String
        /// How that account becomes root; has no effect for root.
        public let become: Become
        /// The name of the jump host; nil if this host is reached directly.
        public let via: String?

        /// The value of `via` for no jump host.
        static let straight = "direct"

        init(_ reader: ObjectReader, defaults: SSHSettings) {
            name = reader.value("name", .subdomain)
            address = reader.value("address", .address)
            roles = Set(reader.list("roles", of: .choice(placeholder: Role.worker)))
            port = reader.optional("port", .port) ?? defaults.port
            user = reader.optional("user", .account) ?? defaults.user
            become = reader.optional("become", .choice(placeholder: .nothing)) ?? defaults.become
            // The default jump host is not reached through itself.
            let way = reader.optional("via", .subdomain) ?? (name == defaults.via ? nil : defaults.via)
            via = way == Self.straight ? nil : way
        }
    }

    /// What is done about the firewall on the Kubernetes nodes.
    public struct Firewall: Sendable, Hashable {
        /// The desired state of UFW on every node; hosts outside Kubernetes are never changed.
        public enum Policy: String, Sendable, CaseIterable {
            /// UFW is disabled.
            case disabled
            /// UFW is left as it is, with rules that allow incoming and forwarded traffic of the
            /// pod network.
            case allowPodNetwork = "allow-pod-network"
            /// Nothing is changed.
            case leave
        }

        /// The desired state of UFW.
        public let policy: Policy

        init(_ reader: ObjectReader) {
            policy = reader.value("policy", .choice(placeholder: .leave))
        }
    }
}
