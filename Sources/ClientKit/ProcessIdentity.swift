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

    /// Describes a process; see the properties.
    public init(machine: String, boot: String, namespace: String, pid: Int32) {
        self.machine = machine
        self.boot = boot
        self.namespace = namespace
        self.pid = pid
    }

    /// This process; nil if the system does not provide all parts.
    public static func current() -> ProcessIdentity? {
        guard let machine = firstLine(of: "/etc/machine-id"),
            let boot = firstLine(of: "/proc/sys/kernel/random/boot_id"),
            let namespace = target(of: "/proc/self/ns/pid")
        else { return nil }
        return ProcessIdentity(machine: machine, boot: boot, namespace: namespace, pid: getpid())
    }

    /// The four parts, separated by spaces.
    public var description: String { "\(machine) \(boot) \(namespace) \(pid)" }

    /// Reads a ``description``.
    public init?(_ text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, !parts.contains(""), let pid = Int32(parts[3]), pid > 0 else { return nil }
        self.init(machine: parts[0], boot: parts[1], namespace: parts[2], pid: pid)
    }

    /// Whether the process is known to be gone: it ran on this machine, boot and namespace, and no
    /// process has its id now.
    public var isGone: Bool {
        guard let own = Self.current(), own.machine == machine, own.boot == boot, own.namespace == namespace
        else { return false }
        return kill(pid, 0) != 0 && errno == ESRCH
    }

    private static func firstLine(of path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 256)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
        return word(buffer)
    }

    private static func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard readlink(link, &buffer, buffer.count - 1) > 0 else { return nil }
        return word(buffer)
    }

    private static func word(_ buffer: [CChar]) -> String? {
        let end: Set<CChar> = [0, 10, 32]
        let bytes = buffer.prefix { !end.contains($0) }.map { UInt8(bitPattern: $0) }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
