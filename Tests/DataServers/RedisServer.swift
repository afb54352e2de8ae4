import ClientKit
import Foundation
public import Redis

/// A Redis server of the tests' own, on 127.0.0.1 and ::1, with TLS only where it has a certificate.
public final class RedisServer: Sendable {
    /// The one that a suite's tests share.
    @TaskLocal public static var current: RedisServer?

    /// A password that is hostile to careless quoting.
    public static let password = "r3dis'\"\\$%s é 漢 #&~"
    /// Where it listens.
    public let port: UInt16
    private let directory: URL
    private let process: ServerProcess
    private let password: String?
    private let trusted: String?

    /// Starts it with further `arguments` as on its command line.
    public convenience init(password: String? = RedisServer.password, _ arguments: String...) throws {
        try self.init(password: password, arguments: arguments)
    }

    /// Starts it with further `arguments` as on its command line.
    public init(
        password: String? = RedisServer.password, certificate: TestCertificate? = nil, arguments: [String]
    ) throws {
        self.password = password
        trusted = certificate?.authority
        port = freePort()
        directory = try makeTemporaryDirectory()
        var command = ["redis-server", "--bind", "127.0.0.1", "::1", "--save", "", "--dir", directory.path]
        if let certificate {
            command += ["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", certificate.file, "--tls-key-file", certificate.key]
            command += ["--tls-ca-cert-file", certificate.authority]
        } else {
            command += ["--port", String(port)]
        }
        if let password { command += ["--requirepass", password] }
        process = try ServerProcess(
            command + arguments, port: port, log: directory.appendingPathComponent("log"),
            greeting: "Ready to accept")
    }

    deinit {
        stop()
    }

    /// Ends it.
    public func stop() {
        process.stop()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Where it is, as somebody who knows all about it would say.
    public var endpoint: RedisEndpoint {
        RedisEndpoint(
            host: "127.0.0.1", port: port, password: password.map { Secret($0) }, trusted: trusted,
            connectTimeout: .seconds(5), commandTimeout: .seconds(5))
    }
}
