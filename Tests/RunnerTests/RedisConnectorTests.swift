import ClientKit
import DataServers
import Foundation
import Redis
import StepKit
import Steps
import TestSupport
import Testing

@testable import RunnerCommands

/// The runner's own connection to Redis as an inventory describes it, on real servers.
@Suite(.serialized) struct RedisConnectorTests {
    private func connector(_ redis: String, sentinelPassword: String? = nil) throws -> RedisConnector {
        let key = "\"host\": \"10.0.0.10\",\n    \"port\": 6379,\n    \"database\": 0"
        let inventory = try Shipped.inventory([(key, redis)], for: [module11])
        let observer = IgnoringObserver()
        let hosts = LiveHosts(inventory, observer: observer) { _ in nil }
        return RedisConnector(
            inventory,
            credentials: RedisCredentials(
                password: Secret(RedisServer.password), sentinelPassword: sentinelPassword.map { Secret($0) }),
            through: Tunnels(hosts), observer: observer)
    }

    private func writer(_ connector: RedisConnector) async throws -> RedisWriter {
        try await connector.connect { (endpoint) throws(RedisError) in
            try await RedisWriter.connect(to: endpoint, observer: IgnoringObserver())
        }
    }

    @Test(arguments: ["127.0.0.1", "::1", "localhost"])
    func anAddressOfEitherKindWithTLSAndADatabase(host: String) async throws {
        let certificate = try TestCertificate(for: "DNS:localhost,IP:127.0.0.1,IP:::1")
        let server = try RedisServer(certificate: certificate, arguments: [])
        defer { server.stop() }
        let connector = try connector(
            """
            "host": "\(host)", "port": \(server.port), "database": 3, "tls": true,
            "rootCertificate": "\(certificate.authority)"
            """)
        let writer = try await writer(connector)
        try await writer.requireVersion()
        try await writer.set("key", to: host)
        var endpoint = server.endpoint
        endpoint.database = 3
        #expect(
            try await RedisReader.connect(to: endpoint, observer: IgnoringObserver()).get("key") == host)
        #expect(await connector.answers().isEmpty)
    }

    @Test func eachSentinelIsAskedByItselfAndTheDeadOneIsNamed() async throws {
        let group = try SentinelGroup(sentinels: 2, password: "s3ntinel")
        let dead = freePort()
        let places = ([dead] + group.sentinels).map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ")
        let redis = """
            "host": "127.0.0.1", "port": \(group.replica.port),
            "sentinel": { "hosts": [\(places)], "master": "\(SentinelGroup.masterName)" PODS }
            """
        let connector = try connector(redis.replacing("PODS", with: ""), sentinelPassword: "s3ntinel")
        let writer = try await writer(connector)
        try await writer.requireVersion()
        #expect(writer.connection.endpoint.port == group.master.port)
        let answers = await connector.answers()
        #expect(
            answers.map(\.subject) == ([dead] + group.sentinels).map { "Sentinel at 127.0.0.1:\($0)" } + [
                "Redis at 127.0.0.1:\(group.replica.port) for clients without Sentinel support"
            ])
        let words = answers.map { answer in
            switch answer.result {
            case .success(let found): found
            case .failure(let error): (error as? RedisError).map { "\($0.kind): \($0.cause)" } ?? "\(error)"
            }
        }
        #expect(words[0].contains("unreachable: Connection refused"), "\(words)")
        #expect(words[1] == "names 127.0.0.1:\(group.master.port) as the master \(SentinelGroup.masterName)")
        #expect(words[3].hasSuffix("a replica"), "\(words)")

        // Pods that ask no Sentinel need the master there.
        let alone = try self.connector(redis.replacing("PODS", with: ", \"pods\": false"), sentinelPassword: "s3ntinel")
        let last = try #require(await alone.answers().last)
        #expect(last.subject.hasSuffix("for the pods"))
        #expect(throws: RedisError.self) { try last.result.get() }
    }
}
