import ClientKit
import DataServers
import Foundation
import Postgres
import Redis
import SSH
import Steps
import TestSupport
import Testing

@testable import StepKit
@testable import RunnerCommands

/// PostgreSQL and Redis behind a real sshd, each of whose forwards is for one connection.
@Suite(.serialized) struct TunnelledServicesTests {
    /// What a run has of services in front of which `sshd` stands; the texts are the inventory's objects.
    private func withServices<Value: Sendable>(
        postgres: String = "\"hosts\": [\"127.0.0.1\"]", redis: String = "\"host\": \"127.0.0.1\"",
        _ use: (LiveDataServices) async throws -> Value
    ) async throws -> Value {
        try await withPlatform(postgres: postgres, redis: redis) { inventory, credentials, hosts in
            let services = LiveDataServices(
                inventory: inventory, credentials: credentials, hosts: hosts, observer: IgnoringObserver())
            let master = try await hosts.connect(to: inventory.hosts[0]).get()
            await services.tunnel(through: master)
            let value = try await use(services)
            await services.close()
            await master.close()
            return value
        }
    }

    private func withTunnels(
        to port: UInt16, _ use: (PostgresConnector) async throws -> Void
    ) async throws {
        let service = "\"hosts\": [\"127.0.0.1\"], \"port\": \(port), \"sslmode\": \"disable\""
        try await withPlatform(postgres: service) { inventory, credentials, hosts in
            let tunnels = Tunnels(hosts)
            await tunnels.lead(through: inventory.hosts[0])
            try await use(
                PostgresConnector(
                    inventory, credentials: credentials.postgres, through: tunnels, observer: IgnoringObserver()))
            await tunnels.close()
        }
    }

    private func withPlatform<Value: Sendable>(
        postgres: String = "\"hosts\": [\"127.0.0.1\"]", redis: String = "\"host\": \"127.0.0.1\"",
        _ use: (StepKit.Inventory, Credentials, LiveHosts) async throws -> Value
    ) async throws -> Value {
        let sshd = try SSHServer()
        defer { sshd.stop() }
        let changes = [
            ("~/.ssh/keybuzz_infra", sshd.userKey), ("~/.ssh/known_hosts", sshd.knownHosts),
            (#""address": "10.0.0.100""#, #""address": "127.0.0.1", "port": \#(sshd.port)"#),
            (
                "\"hosts\": [\"10.0.0.10\"],\n    \"port\": 5432,\n    \"via\": \"direct\",\n    \"sslmode\": \"prefer\"",
                postgres + ", \"via\": \"ssh\""
            ),
            (
                "\"host\": \"10.0.0.10\",\n    \"port\": 6379,\n    \"database\": 0,\n    \"via\": \"direct\"",
                redis + ", \"via\": \"ssh\""
            ),
        ]
        let inventory = try Shipped.inventory(changes, for: [module11])
        let credentials = Credentials(
            postgres: PostgresCredentials(
                user: "kb_admin", password: Secret(PostgresServer.adminPassword), host: nil, port: nil),
            redis: RedisCredentials(password: Secret(RedisServer.password)),
            registry: RegistryCredentials(username: "nobody", token: Secret("none")), objectStorage: nil)
        return try await use(
            inventory, credentials, LiveHosts(inventory, observer: IgnoringObserver()) { _ in nil })
    }

    private func redisRefusal(_ redis: String) async throws -> RedisError? {
        try await withServices(redis: redis) { services in
            await #expect(throws: RedisError.self) { _ = try await services.redisReader() }
        }
    }

    private func postgresRefusal(_ postgres: String) async throws -> PostgresError? {
        try await withServices(postgres: postgres) { services in
            await #expect(throws: PostgresError.self) {
                _ = try await services.postgresReader(.admin(database: "postgres"))
            }
        }
    }

    @Test func redisSaysThatItWantsTLS() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer(certificate: certificate, arguments: [])
        defer { server.stop() }
        let error = try await redisRefusal("\"host\": \"127.0.0.1\", \"port\": \(server.port)")
        #expect(error?.reason == .wantsTLS && error?.kind == .failed)
        #expect(error?.cause == "the server accepts TLS connections only")
        #expect(error?.remedy.contains("redis.tls to true") == true)
        #expect(error?.host == "127.0.0.1:\(server.port)")
    }

    @Test func redisSaysThatItWantsNoTLS() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer()
        defer { server.stop() }
        let error = try await redisRefusal(
            """
            "host": "127.0.0.1", "port": \(server.port), "tls": true,
            "rootCertificate": "\(certificate.authority)"
            """)
        #expect(error?.reason == .wantsNoTLS && error?.kind == .failed)
        #expect(error?.remedy.contains("redis.tls to false") == true)
    }

    /// A Sentinel without TLS that leads to a master with it.
    @Test func aMasterThatASentinelNamesSaysThatItWantsTLS() async throws {
        let certificate = try TestCertificate()
        let server = try RedisServer(certificate: certificate, arguments: [])
        defer { server.stop() }
        let group = try SentinelGroup(announced: server.port, downAfter: 60_000)
        let sentinel = "\"hosts\": [\"127.0.0.1:\(group.sentinels[0])\"], \"master\": \"\(SentinelGroup.masterName)\""
        let error = try await redisRefusal("\"host\": \"127.0.0.1\", \"sentinel\": { \(sentinel) }")
        #expect(error?.reason == .wantsTLS && error?.host == "127.0.0.1:\(server.port)", "\(String(describing: error))")
    }

    /// What fails before it dials leaves nothing that listens.
    @Test func aTunnelThatNothingConnectedToIsClosed() async throws {
        let server = try PostgresServer()
        defer { server.stop() }
        let dialled = Locked<UInt16?>(nil)
        try await withTunnels(to: server.port) { connector in
            let error = await #expect(throws: PostgresError.self) {
                try await connector.connect(as: .admin(database: "postgres")) {
                    (endpoint) throws(PostgresError) in
                    dialled.withLock { $0 = endpoint.hosts[0].dialPort }
                    var mistaken = endpoint
                    mistaken.user = ""
                    return try await PostgresReader.connect(to: mistaken, observer: IgnoringObserver())
                }
            }
            #expect(error?.reason == .invalidInput)
            let port = try #require(dialled.withLock { $0 })
            #expect(!isListening(port))
        }
    }

    @Test func postgresTellsTheFaultOfItsCertificate() async throws {
        let server = try PostgresServer()
        defer { server.stop() }
        let error = try await postgresRefusal(
            """
            "hosts": ["127.0.0.1"], "port": \(server.port), "sslmode": "verify-full",
            "rootCertificate": "\(server.rootCertificate)"
            """)
        #expect(error?.reason == .tls && error?.kind == .refused)
        #expect(error?.cause.contains("is not for 127.0.0.1") == true)
    }

    @Test func postgresSaysThatItHasNoTLS() async throws {
        let server = try PostgresServer(settings: "ssl = off")
        defer { server.stop() }
        let error = try await postgresRefusal(
            "\"hosts\": [\"127.0.0.1\"], \"port\": \(server.port), \"sslmode\": \"require\"")
        #expect(error?.cause.hasPrefix("the server does not support TLS") == true)
    }

    /// libpq tries the other way after the first was refused, as it does without a tunnel.
    @Test(arguments: [("prefer", "hostnossl"), ("allow", "hostssl")])
    func postgresAcceptsTheSecondWayOfAMode(mode: String, line: String) async throws {
        let folder = try makeTemporaryDirectory()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("pg_hba.conf")
        try "\(line) all all 127.0.0.1/32 scram-sha-256\n".write(to: file, atomically: true, encoding: .utf8)
        try runTool(["chmod", "-R", "a+rX", folder.path])
        let server = try PostgresServer(settings: "hba_file = '\(file.path)'")
        defer { server.stop() }
        try await withServices(
            postgres: "\"hosts\": [\"127.0.0.1\"], \"port\": \(server.port), \"sslmode\": \"\(mode)\""
        ) { services in
            let reader = try await services.postgresReader(.admin(database: "postgres"))
            let usesTLS: Bool? = try await reader.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            #expect(usesTLS == (mode == "allow"))
        }
    }
}
