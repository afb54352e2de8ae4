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

    /// Redis repeats the first 128 bytes of what follows a command that it does not know, as where AUTH was renamed.
    @Test func noPartOfALongPasswordIsTold() async throws {
        let password = "Kq8vT3mWz" + String(repeating: "x7", count: 80)
        let server = try RedisServer(password: password, "--rename-command", "AUTH", "")
        defer { server.stop() }
        let error = try await refusal(server.endpoint)
        #expect(error.cause == "ERR unknown command 'AUTH'", "\(error)")
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
    private func withServer(
        for name: String = "DNS:redis.test,IP:127.0.0.1,IP:::1", isExpired: Bool = false,
        _ body: @Sendable (RedisEndpoint, TestCertificate) async throws -> Void
    ) async throws {
        let certificate = try TestCertificate(for: name, isExpired: isExpired)
        let server = try RedisServer(password: "pw", certificate: certificate, arguments: [])
        defer { server.stop() }
        try await body(server.endpoint, certificate)
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

    @Test func aUserAndADatabaseAreReachedOverIPv6WithAPrivateAuthority() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer(
            certificate: certificate, arguments: ["--user", "chatwoot", "on", ">secret1", "~*", "&*", "+@all"])
        defer { server.stop() }
        var endpoint = server.endpoint
        (endpoint.host, endpoint.user, endpoint.password, endpoint.database) = ("::1", "chatwoot", Secret("secret1"), 7)
        let writer = try await RedisWriter.connect(to: endpoint, observer: IgnoringObserver())
        try await writer.requireVersion()
        try await writer.set("key", to: "value")
        endpoint.database = 0
        let elsewhere = try await RedisReader.connect(to: endpoint, observer: IgnoringObserver())
        #expect(try await !elsewhere.exists("key"))
        // An address is looked for among the certificate's addresses, also one of IPv6.
        let other = try TestCertificate(for: "IP:127.0.0.1")
        let second = try RedisServer(certificate: other, arguments: [])
        defer { second.stop() }
        var wrong = second.endpoint
        wrong.host = "::1"
        let refused = try await refusal(wrong)
        #expect(refused.reason == .tls && refused.cause.contains("is not for [::1]"), "\(refused)")
    }

    @Test func aCertificateThatIsNotTheRightOneIsToldWithItsFault() async throws {
        try await withServer(for: "DNS:redis.test") { endpoint, certificate in
            let name = try await refusal(endpoint)
            #expect(name.reason == .tls && name.kind == .refused && name.cause.contains("is not for 127.0.0.1"))
            var other = endpoint
            other.trusted = certificate.otherAuthority
            #expect(try await refusal(other).cause.contains("not signed by a CA"))
            other.trusted = certificate.directory.path + "/missing.crt"
            #expect(try await refusal(other).cause.hasPrefix("the root certificate cannot be used"))
        }
        try await withServer(isExpired: true) { endpoint, _ in
            let error = try await refusal(endpoint)
            #expect(error.reason == .tls && error.cause.contains("has expired"))
        }
    }

    @Test func plainAndTLSAreNotTakenForALoadBalancer() async throws {
        try await withServer { endpoint, certificate in
            var plain = endpoint
            plain.trusted = nil
            #expect(try await refusal(plain).reason == .wantsTLS)
            let server = try RedisServer()
            defer { server.stop() }
            var encrypted = server.endpoint
            encrypted.trusted = certificate.authority
            encrypted.connectTimeout = .seconds(1)
            #expect(try await refusal(encrypted).reason == .wantsNoTLS)
        }
    }
}
