import Foundation
import Glibc
import ClientKit
import SSH
import TestSupport
import Testing

/// A real sshd on a loopback address with keys of its own, for one test.
final class TestServer: Sendable {
    let directory: URL
    let address: String
    let port: UInt16
    let process: ChildProcess

    /// The server's host key of the given type, `ed25519` or `ecdsa`.
    func hostKeyLine(_ type: String = "ed25519") throws -> String {
        let text = try String(contentsOf: directory.appending(path: "host_\(type).pub"), encoding: .utf8)
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    /// Path of the key that the server accepts.
    var userKey: String { directory.appending(path: "user").path }
    var log: String {
        get throws { try String(contentsOf: directory.appending(path: "log"), encoding: .utf8) }
    }

    /// Starts a server; `options` are further lines of its configuration.
    ///
    /// `files` are texts, by path, that lie in the places of the system's own for it and its sessions; a path that ends with
    /// a slash is an empty folder.
    init(
        _ options: [String] = [], hostKeys: [String] = ["ed25519"], environment: [String] = ["SHLVL=5"],
        address: String = "127.0.0.1", files: [String: String] = [:]
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "sshd-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        self.directory = directory
        self.address = address
        // sshd wants its privilege separation directory even where it is not a system service.
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        for type in hostKeys {
            try await Self.makeKey(directory.appending(path: "host_\(type)").path, ["-t", type])
        }
        try await Self.makeKey(directory.appending(path: "user").path, ["-t", "ed25519"])
        try FileManager.default.copyItem(
            at: directory.appending(path: "user.pub"), to: directory.appending(path: "authorized_keys"))
        (port, process) = try await Self.start(in: directory, address, options, hostKeys, environment, files)
    }

    /// Starts sshd on a port that is free; another test may take it first, and then it is tried with the next.
    private static func start(
        in directory: URL, _ address: String, _ options: [String], _ hostKeys: [String], _ environment: [String],
        _ files: [String: String]
    ) async throws -> (UInt16, ChildProcess) {
        let port = try freePort()
        // Of most options sshd takes the first, of MaxStartups the last.
        let configuration =
            ["MaxStartups 200"] + options + [
                "Port \(port)", "ListenAddress \(address)", "PidFile none", "UsePAM no", "StrictModes no",
                "PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                "AuthorizedKeysFile \(directory.path)/authorized_keys", "LogLevel DEBUG1", "UseDNS no",
                "SetEnv \(environment.joined(separator: " "))",
            ] + hostKeys.map { "HostKey \(directory.path)/host_\($0)" }
        try configuration.joined(separator: "\n").appending("\n").write(
            to: directory.appending(path: "sshd_config"), atomically: true, encoding: .utf8)
        let log = directory.appending(path: "log")
        let sshd = ["/usr/sbin/sshd", "-D", "-f", directory.appending(path: "sshd_config").path, "-E", log.path]
        let process = try ChildProcess("/usr/bin/unshare", mounting(files, in: directory) + sshd)
        var text = ""
        try await eventually("sshd listens") {
            if FileManager.default.fileExists(atPath: log.path) { text = try String(contentsOf: log, encoding: .utf8) }
            return text.contains("Server listening on \(address)") || !process.isRunning
        }
        if text.contains("Server listening on \(address)") { return (port, process) }
        process.end()
        try #require(text.contains("Cannot bind any address"), "sshd does not start: \(text)")
        print("port \(port) was taken: \(text)")
        try FileManager.default.removeItem(at: log)
        return try await start(in: directory, address, options, hostKeys, environment, files)
    }

    /// The arguments of `unshare` with which a program finds `files` in the places of the system's own.
    private static func mounting(_ files: [String: String], in directory: URL) throws -> [String] {
        var script = ""
        for (path, text) in files {
            let own = directory.appending(path: path.replacing("/", with: "_")).path
            if path.hasSuffix("/") {
                try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            } else {
                try text.write(toFile: own, atomically: true, encoding: .utf8)
            }
            script += "mount --bind '\(own)' '\(path)' && "
        }
        return ["-m", "sh", "-c", script + "exec \"$0\" \"$@\""]
    }

    deinit {
        process.end()
        removeFiles(at: directory)
    }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    /// Writes a file into the server's directory and returns its path.
    func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        try text.write(to: directory.appending(path: name), atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
        return path(name)
    }

    /// Where to connect to, with the server's key known unless `knownHosts` says otherwise.
    func destination(
        knownHosts: String? = nil, identity: SSHDestination.Identity? = nil,
        _ adjust: (inout SSHDestination) -> Void = { _ in }
    ) throws -> SSHDestination {
        let known = try write(
            knownHosts ?? "[\(address)]:\(port) \(hostKeyLine())\n", to: "known_hosts-\(UUID().uuidString.prefix(8))")
        var destination = SSHDestination(
            name: "master-01", address: address, port: port, user: "root", identity: identity ?? .keyFile(userKey),
            knownHosts: [known], lockFile: path("lock"))
        adjust(&destination)
        return destination
    }

    /// The processes that serve its sessions.
    func sessions() throws -> [pid_t] {
        let children = "/proc/\(process.pid)/task/\(process.pid)/children"
        return try String(contentsOfFile: children, encoding: .utf8).split(separator: " ").compactMap { pid_t($0) }
    }

    /// Opens a connection to the server with the defaults.
    func connect(observer: any ActivityObserver = IgnoringObserver()) async throws -> SSHConnection {
        try await SSHConnection.open(to: destination(), observer: observer)
    }

    static func makeKey(_ path: String, _ options: [String], passphrase: String = "") async throws {
        try await shell("/usr/bin/ssh-keygen", ["-q", "-N", passphrase, "-C", "test", "-f", path] + options)
    }

    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isBound)
        return UInt16(bigEndian: address.sin_port)
    }
}

/// Removes a directory of a test; one that stays behind disturbs nothing, so that this is no reason to fail.
func removeFiles(at directory: URL) {
    do {
        try FileManager.default.removeItem(at: directory)
    } catch {
        print("left behind: \(directory.path): \(error)")
    }
}
