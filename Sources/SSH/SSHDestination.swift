public import ClientKit

/// Where a session goes to, as whom, and whose host keys it trusts.
public struct SSHDestination: Sendable {
    /// The one key that is tried.
    public enum Identity: Sendable, Hashable {
        /// A private key file, by path.
        case keyFile(String)
        /// A key that an SSH agent holds, named by the path of its public key file or by its `SHA256:…` fingerprint.
        case agent(publicKey: String)
    }

    /// How a user who is not root gets root's rights for commands.
    public enum Become: Sendable, Hashable {
        /// By sudo, without a password.
        case sudo
    }

    /// How long things may take, and how many there may be.
    public struct Limits: Sendable {
        /// From the first packet to a remote shell that is ready, retries included.
        public var connect: TimeLimit = .seconds(20)
        /// How often a silent server is asked for a sign of life; at least every 2 s.
        public var keepaliveInterval: Duration = .seconds(10)
        /// How long a server may be silent before it counts as dead; longer than ``keepaliveInterval``.
        public var silence: TimeLimit = .seconds(30)
        /// How long an SSH agent may take for a signature, for which it may ask its user (`ssh-add -c`).
        public var agent: TimeLimit = .seconds(30)
        /// How long a command may take that does not say otherwise.
        public var command: TimeLimit = .seconds(60)
        /// How long a changing command waits for the host's lock, on top of its own timeout.
        public var lock: TimeLimit = .seconds(60)
        /// How long a command in flight may go on after its task was cancelled.
        public var cancellation: Duration = .seconds(2)
        /// How many remote shells there may be at once; sshd grants 10 sessions unless its MaxSessions says otherwise.
        public var shells = 4

        /// The values given with the properties.
        public init() {}
    }

    /// The inventory name.
    public var name: String
    /// The address that is connected to and looked up in the known hosts.
    public var address: String
    /// The TCP port.
    public var port: UInt16
    /// The remote user.
    public var user: String
    /// How commands get root's rights, nil if they run as the user, as root's always do.
    public var become: Become?
    /// The one key that is tried.
    public var identity: Identity
    /// `known_hosts` files by path; one that does not exist counts as empty.
    public var knownHosts: [String]
    /// How long things may take, and how many there may be.
    public var limits: Limits
    /// The file on the host whose lock a changing command holds; nil for ``lock``'s choice.
    public var lockFile: String?
    /// The socket of the SSH agent; `SSH_AUTH_SOCK` where nil.
    public var agentSocket: String?

    /// Describes a destination; see the properties.
    public init(
        name: String, address: String, port: UInt16 = 22, user: String, identity: Identity, knownHosts: [String],
        limits: Limits = Limits(), lockFile: String? = nil, agentSocket: String? = nil,
        become: Become? = nil
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.user = user
        self.identity = identity
        self.knownHosts = knownHosts
        self.limits = limits
        self.lockFile = lockFile
        self.agentSocket = agentSocket
        self.become = become
    }

    /// Whether remote shells are started by sudo.
    var usesSudo: Bool { become == .sudo && user != "root" }

    /// The file whose lock is held; `~/` is the home directory that the login has there.
    ///
    /// Only root may write in /run. A directory of logind's is gone with the last session, though a command may go on.
    var lock: String {
        lockFile ?? (user == "root" || usesSudo ? "/run/keybuzz-runner.lock" : "~/.keybuzz-runner.lock")
    }

    /// `address:port`.
    var endpoint: String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
