import Foundation
import Glibc

/// Who runs `runner`, and from where.
public struct Origin: Codable, Sendable, Hashable {
    /// The account whose rights the run has.
    public var user: String
    /// The numeric id of ``user``.
    public var uid: UInt32
    /// The account that logged in, as the kernel's audit id, `SUDO_USER` or else ``user`` tell.
    public var login: String
    /// What ``login`` was read from: `loginuid`, `sudo` or `account`.
    public var loginSource: String
    /// The name of the machine.
    public var machine: String
    /// The process id.
    public var pid: Int32
    /// Identifies the boot of the machine, so that a process id can be judged.
    public var boot: String?
    /// The terminal, where there is one.
    public var terminal: String?
    /// `SSH_CONNECTION`: the operator's own address and port, then the machine's.
    public var sshConnection: String?

    enum CodingKeys: String, CodingKey {
        case user, uid, login, machine, pid, boot, terminal
        case loginSource = "login_source"
        case sshConnection = "ssh_connection"
    }

    /// Asks the system about the present process.
    public static func current(environment: [String: String]? = nil) -> Origin {
        let environment = environment ?? ProcessInfo.processInfo.environment
        let user = name(of: geteuid())
        let login: String
        let source: String
        if let id = firstLine(of: "/proc/self/loginuid").flatMap({ UInt32($0) }), id != UInt32.max {
            (login, source) = (name(of: id), "loginuid")
        } else if let sudo = environment["SUDO_USER"], !sudo.isEmpty {
            (login, source) = (sudo, "sudo")
        } else {
            (login, source) = (name(of: getuid()), "account")
        }
        return Origin(
            user: user, uid: geteuid(), login: login, loginSource: source, machine: machineName(), pid: getpid(),
            boot: bootID, terminal: terminalName(),
            sshConnection: environment["SSH_CONNECTION"])
    }

    /// The boot of this machine.
    static var bootID: String? { firstLine(of: "/proc/sys/kernel/random/boot_id") }

    private static func name(of id: uid_t) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        let code = getpwuid_r(id, &entry, &buffer, buffer.count, &found)
        guard code == 0, found != nil, let text = entry.pw_name else { return "\(id)" }
        return String(cString: text)
    }

    private static func machineName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
        return text(buffer)
    }

    private static func terminalName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        for descriptor in [STDIN_FILENO, STDERR_FILENO]
        where ttyname_r(descriptor, &buffer, buffer.count) == 0 {
            return text(buffer)
        }
        return nil
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What /proc does not tell, the record leaves out; it never stops a run.
    private static func firstLine(of path: String) -> String? {
        do {
            guard let bytes = try Disk.read(path, follows: true) else { return nil }
            return String(decoding: bytes.prefix(while: { $0 != UInt8(ascii: "\n") }), as: UTF8.self)
        } catch {
            return nil
        }
    }
}
