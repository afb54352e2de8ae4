import ClientKit
import DataServers
import Foundation
import Redis
import Testing

/// Redis as people run it: users, TLS, and servers that hold no data that can be changed.
@Suite struct RedisServiceTests {
    private func endpoint(_ port: UInt16, password: String? = nil) -> RedisEndpoint {
        RedisEndpoint(
            host: "127.0.0.1", port: port, password: password.map { Secret($0) }, connectTimeout: .seconds(5),
            commandTimeout: .seconds(5))
    }

    private func refusal(_ endpoint: RedisEndpoint) async throws -> RedisError {
        try await failure { () throws(RedisError) in
            try await RedisReader.connect(to: endpoint, observer: IgnoringObserver()).requireVersion()
        }
    }

    @Test func aUserLogsInWithItsOwnPasswordAndRights() async throws {
        let server = try RedisServer(
            password: RedisServer.password, "--user", "chatwoot", "on", ">secret1", "~*", "+@all", "--user", "blind",
            "on",
            ">secret2", "~*", "+ping", "+auth")
        defer { server.stop() }
        var endpoint = server.endpoint
        endpoint.user = "chatwoot"
        endpoint.password = Secret("secret1")
        endpoint.database = 2
        try await RedisWriter.connect(to: endpoint, observer: IgnoringObserver()).set("a", to: "b")
        endpoint.user = "blind"
        endpoint.password = Secret("secret2")
        endpoint.database = 0
        #expect(try await refusal(endpoint).code == "NOPERM")
        endpoint.password = nil
        #expect(try await refusal(endpoint).reason == .invalidInput)
    }

    @Test func aReplicaIsNoServerForChatwoot() async throws {
        let master = try RedisServer(password: nil)
        defer { master.stop() }
        let replica = try RedisServer(password: nil, "--replicaof", "127.0.0.1 \(master.port)")
        defer { replica.stop() }
        let error = try await refusal(endpoint(replica.port))
        #expect(error.reason == .isReplica && error.cause.contains("127.0.0.1:\(master.port)"))
        try await RedisReader.connect(to: endpoint(master.port), observer: IgnoringObserver()).requireVersion()
    }

    @Test func aNodeOfAClusterIsNoServerForChatwoot() async throws {
        // Its bus would take the port 10000 higher, which need not exist.
        let node = try RedisServer(password: nil, "--cluster-enabled", "yes", "--cluster-port", "\(freePort())")
        defer { node.stop() }
        #expect(try await refusal(endpoint(node.port)).reason == .isClusterNode)
    }

    @Test(arguments: [nil, "password"])
    func aSentinelIsNoServerForChatwoot(password: String?) async throws {
        let directory = try makeTemporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let port = freePort()
        let file = directory.appendingPathComponent("sentinel.conf")
        try "port \(port)\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 \(freePort()) 1\n"
            .write(to: file, atomically: true, encoding: .utf8)
        let sentinel = try ServerProcess(
            ["redis-server", file.path, "--sentinel"], port: port, log: directory.appendingPathComponent("log"))
        defer { sentinel.stop() }
        #expect(try await refusal(endpoint(port, password: password)).reason == .isSentinel)
    }

    @Test func aServerWithoutPasswordSaysThatItWantsNone() async throws {
        let server = try RedisServer(password: nil)
        defer { server.stop() }
        let error = try await refusal(endpoint(server.port, password: "needless"))
        #expect(error.reason == .wantsNoPassword && error.kind == .refused && error.remedy.contains("requirepass"))
    }
}

/// A Redis server with TLS only.
@Suite struct RedisTLSTests {
    /// Makes an authority, and a certificate of it for `name`, valid from `start` for a day.
    private static func makeCertificates(in folder: String, name: String, isExpired: Bool = false) throws {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for authority in ["ca", "other"] {
            try runTool(
                ["openssl", "req", "-x509"] + key + [
                    "-days", "2", "-subj", "/CN=\(authority)", "-keyout", "\(folder)/\(authority).key", "-out",
                    "\(folder)/\(authority).crt",
                ])
        }
        try runTool(
            ["openssl", "req", "-new"] + key + [
                "-subj", "/CN=redis", "-addext", "subjectAltName=\(name)", "-keyout", "\(folder)/server.key", "-out",
                "\(folder)/server.csr",
            ])
        try runTool([
            "openssl", "x509", "-req", "-in", "\(folder)/server.csr", "-CA", "\(folder)/ca.crt", "-CAkey",
            "\(folder)/ca.key", "-CAcreateserial", "-days", isExpired ? "-1" : "1", "-copy_extensions", "copy", "-out",
            "\(folder)/server.crt",
        ])
    }

    private func withServer(
        for name: String = "DNS:redis.test,IP:127.0.0.1", isExpired: Bool = false,
        _ body: @Sendable (RedisEndpoint, String) async throws -> Void
    ) async throws {
        let directory = try makeTemporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let folder = directory.path
        try Self.makeCertificates(in: folder, name: name, isExpired: isExpired)
        let port = freePort()
        let server = try ServerProcess(
            [
                "redis-server", "--port", "0", "--tls-port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                folder, "--tls-cert-file", "\(folder)/server.crt", "--tls-key-file", "\(folder)/server.key",
                "--tls-ca-cert-file", "\(folder)/ca.crt", "--tls-auth-clients", "no", "--requirepass", "pw",
            ], port: port, log: directory.appendingPathComponent("log"), greeting: "Ready to accept")
        defer { server.stop() }
        let endpoint = RedisEndpoint(
            host: "127.0.0.1", port: port, password: Secret("pw"), trusted: "\(folder)/ca.crt",
            connectTimeout: .seconds(5), commandTimeout: .seconds(5))
        try await body(endpoint, folder)
    }

    private func refusal(_ endpoint: RedisEndpoint) async throws -> RedisError {
        try await failure { () throws(RedisError) in
            try await RedisReader.connect(to: endpoint, observer: IgnoringObserver())
        }
    }

    @Test func keysAreReadAndWrittenWithTLSAlsoThroughATunnel() async throws {
        try await withServer { endpoint, _ in
            let writer = try await RedisWriter.connect(to: endpoint, observer: IgnoringObserver())
            // More than one record of TLS, both ways.
            let value = String(repeating: "x", count: 300_000)
            try await writer.set("key", to: value)
            #expect(try await writer.get("key") == value)
            #expect(await writer.connection.isAlive)
            let relay = Relay(to: endpoint.port)
            var tunnel = endpoint
            (tunnel.host, tunnel.port) = ("redis.test", 6379)
            (tunnel.dialAddress, tunnel.dialPort) = ("127.0.0.1", relay.port)
            try await RedisReader.connect(to: tunnel, observer: IgnoringObserver()).requireVersion()
        }
    }

    @Test func aCertificateThatIsNotTheRightOneIsToldWithItsFault() async throws {
        try await withServer(for: "DNS:redis.test") { endpoint, folder in
            let name = try await refusal(endpoint)
            #expect(name.reason == .tls && name.kind == .refused && name.cause.contains("is not for 127.0.0.1"))
            var other = endpoint
            other.trusted = "\(folder)/other.crt"
            #expect(try await refusal(other).cause.hasPrefix("none of the authorities"))
            other.trusted = "\(folder)/missing.crt"
            #expect(try await refusal(other).cause.hasPrefix("the root certificate cannot be used"))
        }
        try await withServer(isExpired: true) { endpoint, _ in
            let error = try await refusal(endpoint)
            #expect(error.reason == .tls && error.cause.contains("has expired"))
        }
    }

    @Test func plainAndTLSAreNotTakenForALoadBalancer() async throws {
        try await withServer { endpoint, folder in
            var plain = endpoint
            plain.trusted = nil
            #expect(try await refusal(plain).reason == .wantsTLS)
            let server = try RedisServer()
            defer { server.stop() }
            var encrypted = server.endpoint
            encrypted.trusted = "\(folder)/ca.crt"
            encrypted.connectTimeout = .seconds(1)
            #expect(try await refusal(encrypted).reason == .wantsNoTLS)
        }
    }
}
