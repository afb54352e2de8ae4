public import Foundation

/// A real sshd on this machine with keys of its own.
public final class SSHServer: Sendable {
    /// Where it listens.
    public let port: UInt16
    /// Its files.
    public let directory: URL
    private let process: ServerProcess

    /// Starts it on `address`; `options` are further lines of its configuration.
    public init(address: String = "127.0.0.1", options: [String] = []) throws {
        directory = try makeTemporaryDirectory()
        port = freePort()
        let folder = directory.path
        for name in ["host", "user"] {
            try runTool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", "\(folder)/\(name)"])
        }
        let hostKey = try String(contentsOfFile: "\(folder)/host.pub", encoding: .utf8)
        try "[127.0.0.1]:\(port) \(hostKey)".write(toFile: "\(folder)/known_hosts", atomically: true, encoding: .utf8)
        let lines = [
            "Port \(port)", "ListenAddress \(address)", "PidFile none", "HostKey \(folder)/host", "UsePAM no",
            "StrictModes no", "UseDNS no", "PermitRootLogin yes", "PasswordAuthentication no",
            "AuthorizedKeysFile \(folder)/user.pub",
        ]
        let file = "\(folder)/sshd_config"
        try (lines + options).map { $0 + "\n" }.joined().write(toFile: file, atomically: true, encoding: .utf8)
        // sshd wants its privilege separation directory even where it is not a system service.
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        process = try ServerProcess(
            ["/usr/sbin/sshd", "-D", "-e", "-f", file], port: port, log: directory.appendingPathComponent("log"))
    }

    deinit {
        stop()
    }

    /// Ends it.
    public func stop() {
        process.stop()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Its host key, as a file of known hosts has it behind the name.
    public func hostKey() throws -> String {
        try String(contentsOfFile: "\(directory.path)/host.pub", encoding: .utf8)
            .split(separator: " ").prefix(2).joined(separator: " ")
    }

    /// The file of its host key, as a client knows it.
    public var knownHosts: String { directory.path + "/known_hosts" }

    /// The private key that it accepts.
    public var userKey: String { directory.path + "/user" }
}
