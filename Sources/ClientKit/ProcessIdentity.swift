import Glibc

/// Identifies a process across machines: a process id alone means nothing on another machine, after
/// a reboot, or in a container.
public struct ProcessIdentity: Sendable, Hashable, LosslessStringConvertible {
    /// The machine's id.
    public let machine: String
    /// The boot of the machine.
    public let boot: String
    /// The namespace that the process id belongs to.
    public let namespace: String
    /// The process id.
    public let pid: Int32
    /// When it began, since ids are given again; nil where earlier versions wrote none.
    public let start: String?

    /// Describes a process; see the properties.
    public init(machine: String, boot: String, namespace: String, pid: Int32, start: String? = nil) {
        self.machine = machine
        self.boot = boot
        self.namespace = namespace
        self.pid = pid
        self.start = start
    }

    /// This process; nil if the system does not provide all parts.
    public static func current() -> ProcessIdentity? {
        guard let machine = word(of: "/etc/machine-id"), let boot = word(of: "/proc/sys/kernel/random/boot_id"),
            let namespace = Proc.target(of: "/proc/self/ns/pid")
        else { return nil }
        let pid = getpid()
        return ProcessIdentity(
            machine: machine, boot: boot, namespace: namespace, pid: pid, start: LocalProcess(pid).start)
    }

    /// The parts, separated by spaces.
    public var description: String {
        "\(machine) \(boot) \(namespace) \(pid)" + (start.map { " \($0)" } ?? "")
    }

    /// Reads a ``description``.
    public init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard (4...5).contains(parts.count), !parts.contains(""), let pid = Int32(parts[3]), pid > 0 else { return nil }
        self.init(
            machine: parts[0], boot: parts[1], namespace: parts[2], pid: pid, start: parts.count > 4 ? parts[4] : nil)
    }

    /// Whether the process is known to be gone: it ran on this machine, boot and namespace, and what has its id now has
    /// ended or is another one.
    public var isGone: Bool {
        guard let own = Self.current(), own.machine == machine, own.boot == boot, own.namespace == namespace
        else { return false }
        let process = LocalProcess(pid)
        return process.isGone || isAnother(process.start)
    }

    /// Whether a process with this id that began at `other` is another one, as in a container that was started again,
    /// where each has the same id; told by one clock only.
    private func isAnother(_ other: String?) -> Bool {
        guard let own = start?.split(separator: "@"), let other = other?.split(separator: "@"), own.count == 2,
            other.count == 2
        else { return false }
        return own[1] == other[1] && own[0] != other[0]
    }

    private static func word(of path: String) -> String? {
        Proc.line(of: path)?.split(separator: " ").first.map(String.init)
    }
}
