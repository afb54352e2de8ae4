import ClientKit
import DataServers
import Foundation
import Redis
import Synchronization
import Testing

/// Ways to a server that are for one connection each, as a tunnel's are.
private final class OneTimeWays: Sendable {
    private let target: UInt16
    private let relays = Mutex<[Relay]>([])

    init(to target: UInt16) {
        self.target = target
    }

    var count: Int { relays.withLock { $0.count } }

    /// How many were closed by their user.
    let closed = Mutex(0)

    func next() -> RedisSentinels.Tunnel {
        let relay = Relay(to: target, most: 1)
        relays.withLock { $0.append(relay) }
        return .init(address: "127.0.0.1", port: relay.port) { self.closed.withLock { $0 += 1 } }
    }
}

/// A server at the far end of a tunnel, which a login that failed has used up.
@Suite struct TunnelTests {
    private func refusal(_ endpoint: RedisEndpoint, through forward: RedisSentinels.Forward) async -> RedisError? {
        await #expect(throws: RedisError.self) {
            _ = try await endpoint.connect(through: forward) { (endpoint) throws(RedisError) in
                try await RedisReader.connect(to: endpoint, observer: IgnoringObserver())
            }
        }
    }

    private func endpoint(trusting trusted: String? = nil, within limit: Duration = .seconds(5)) -> RedisEndpoint {
        RedisEndpoint(
            host: "redis.test", password: Secret(RedisServer.password), trusted: trusted,
            connectTimeout: TimeLimit(limit),
            commandTimeout: TimeLimit(limit))
    }

    /// What fails before it dials leaves nothing that listens.
    @Test func aTunnelThatNothingConnectedToIsClosed() async throws {
        let ways = OneTimeWays(to: freePort())
        let mistaken = RedisEndpoint(
            host: "redis.test", password: Secret(""), connectTimeout: .seconds(5), commandTimeout: .seconds(5))
        #expect(await refusal(mistaken) { _ in ways.next() }?.reason == .invalidInput)
        #expect(ways.count == 1 && ways.closed.withLock { $0 } == 1)
    }

    @Test func aServerWithTLSOnlySaysSo() async throws {
        let server = try RedisServer(certificate: TestCertificate(), arguments: [])
        defer { server.stop() }
        let ways = OneTimeWays(to: server.port)
        let error = await refusal(endpoint()) { _ in ways.next() }
        #expect(error?.reason == .wantsTLS && error?.host == "redis.test:6379")
        #expect(error?.remedy.contains("redis.tls to true") == true)
        #expect(ways.count == 2)
    }

    @Test func aServerWithoutTLSSaysSo() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer()
        defer { server.stop() }
        let ways = OneTimeWays(to: server.port)
        let error = await refusal(endpoint(trusting: certificate.authority, within: .seconds(5))) { _ in ways.next() }
        #expect(error?.reason == .wantsNoTLS && error?.remedy.contains("redis.tls to false") == true)
        #expect(ways.count == 2)
    }

    @Test func whatTLSCannotBeTheCauseOfIsNotLookedAtTwice() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer(certificate: certificate, arguments: [])
        defer { server.stop() }
        let ways = OneTimeWays(to: server.port)
        var wrong = endpoint(trusting: certificate.authority)
        wrong.password = Secret("wrong")
        #expect(await refusal(wrong) { _ in ways.next() }?.code == "WRONGPASS")
        #expect(ways.count == 1)
    }

    /// Where no second way is to be had, the first failure is told.
    @Test func withoutASecondWayTheFirstFailureStays() async throws {
        struct NoWay: Error {}
        let server = try RedisServer(certificate: TestCertificate(), arguments: [])
        defer { server.stop() }
        let ways = OneTimeWays(to: server.port)
        let error = await refusal(endpoint()) { _ in
            guard ways.count == 0 else { throw NoWay() }
            return ways.next()
        }
        #expect(error?.reason == .closedBeforeLogin && error?.kind == .unreachable)
    }

    @Test func aSentinelWithTLSOnlySaysSo() async throws {
        let certificate = try TestCertificate()
        let directory = try makeTemporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let port = freePort()
        let file = directory.appendingPathComponent("sentinel.conf")
        try """
        port 0
        tls-port \(port)
        tls-auth-clients no
        tls-cert-file \(certificate.file)
        tls-key-file \(certificate.key)
        tls-ca-cert-file \(certificate.authority)
        bind 127.0.0.1
        sentinel monitor mymaster 127.0.0.1 \(freePort()) 1

        """.write(to: file, atomically: true, encoding: .utf8)
        let sentinel = try ServerProcess(
            ["redis-server", file.path, "--sentinel"], port: port, log: directory.appendingPathComponent("log"))
        defer { sentinel.stop() }
        let group = RedisSentinels(
            places: [.init(host: "sentinel.test", port: 26379)], masterName: "mymaster", password: nil,
            timeout: .seconds(5))
        let ways = OneTimeWays(to: port)
        let error = await #expect(throws: RedisError.self) {
            try await group.answer(
                of: group.places[0], through: { _ in ways.next() }, observer: IgnoringObserver())
        }
        #expect(error?.reason == .wantsTLS && error?.host == "sentinel.test:26379")
        #expect(error?.remedy.contains("a port without TLS") == true)
    }
}
