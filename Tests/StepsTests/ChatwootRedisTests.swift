import ClientKit
import DataServers
import Foundation
import Kubernetes
import Testing

@testable import StepKit
@testable import Steps

/// What the pods get about Redis, tried with Chatwoot's own clients on real servers.
@Suite(.serialized, .enabled(if: RubyClient.found != nil, "Chatwoot's Ruby clients")) struct ChatwootRedisTests {
    /// What one client found.
    private struct Found: Decodable, Equatable {
        var client = ""
        var user: String?
        var database: Int?
        var port: Int?
        var role: String?
        var written: String?
        var error: String?
    }

    private static let clients = ["application", "sidekiq", "cable"]
    private static let acl = ["--user", "chatwoot", "on", ">s3cret'\\", "~*", "&*", "+@all"]

    private func site(
        _ redis: String, password: String? = RedisServer.password, sentinelPassword: String? = nil,
        authority: String? = nil
    ) throws -> SiteReader {
        let shipped = "\"host\": \"10.0.0.10\",\n    \"port\": 6379,\n    \"database\": 0"
        var credentials = SiteSample.credentials()
        credentials = Credentials(
            postgres: credentials.postgres,
            redis: RedisCredentials(
                password: password.map { Secret($0) }, sentinelPassword: sentinelPassword.map { Secret($0) }),
            registry: credentials.registry, objectStorage: nil)
        credentials.certificates.redis = try authority.map { try String(contentsOfFile: $0, encoding: .utf8) }
        return SiteSample.readable(try SiteSample.inventory([(old: shipped, new: redis)]), credentials)
    }

    /// What the clients find with the environment and the files that pods of `site` get, but for `hidden` variables.
    private func connect(_ site: SiteReader, without hidden: [String] = []) throws -> [Found] {
        let environment = ChatwootEnvironment(site, .standIn())
        var variables = environment.plain.merging(environment.secret.mapValues { $0.reveal() }) { own, _ in own }
        for name in hidden { variables[name] = nil }
        let directory = try makeTemporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, text) in RedisTrust(site).files {
            try text.write(to: directory.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        let mount = RedisTrust(site).mounts.first?.mountPath
        variables["SSL_CERT_DIR"] = variables["SSL_CERT_DIR"].map { text in
            mount.map { text.replacing($0, with: directory.path) } ?? text
        }
        let script = try #require(Bundle.module.url(forResource: "Fixtures/chatwoot_redis", withExtension: "rb"))
        return try #require(RubyClient.found).run(script, environment: variables).split(separator: "\n").map {
            try JSONDecoder().decode(Found.self, from: Data($0.utf8))
        }
    }

    private func expected(_ port: UInt16, user: String = "default", database: Int = 0) -> [Found] {
        Self.clients.map {
            Found(client: $0, user: user, database: database, port: Int(port), role: "master", written: "OK")
        }
    }

    @Test(arguments: ["127.0.0.1", "::1", "localhost"])
    func aPasswordAndADatabaseNumber(host: String) throws {
        let server = try RedisServer()
        defer { server.stop() }
        let site = try site(#""host": "\#(host)", "port": \#(server.port), "database": 9"#)
        #expect(try connect(site) == expected(server.port, database: 9))
    }

    @Test func aServerWithoutPassword() throws {
        let server = try RedisServer(password: nil)
        defer { server.stop() }
        let site = try site(#""host": "127.0.0.1", "port": \#(server.port), "database": 0"#, password: nil)
        #expect(try connect(site) == expected(server.port))
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func aUserOfTheACL(host: String) throws {
        let server = try RedisServer(arguments: Self.acl)
        defer { server.stop() }
        let redis = #""host": "\#(host)", "port": \#(server.port), "database": 2, "user": "chatwoot""#
        #expect(
            try connect(site(redis, password: "s3cret'\\")) == expected(server.port, user: "chatwoot", database: 2))
        let wrong = try connect(site(redis, password: "other"))
        #expect(wrong.allSatisfy { $0.error?.contains("WRONGPASS") == true }, "\(wrong)")
    }

    @Test(arguments: ["localhost", "127.0.0.1", "::1"])
    func aCertificateOfAPrivateAuthority(host: String) throws {
        let certificate = try TestCertificate(for: "DNS:localhost,IP:127.0.0.1,IP:::1")
        let server = try RedisServer(certificate: certificate, arguments: Self.acl)
        defer { server.stop() }
        let redis = """
            "host": "\(host)", "port": \(server.port), "database": 3, "user": "chatwoot", "tls": true,
            "rootCertificate": "\(certificate.authority)"
            """
        let site = try site(redis, password: "s3cret'\\", authority: certificate.authority)
        #expect(try connect(site) == expected(server.port, user: "chatwoot", database: 3))
        // Without the variable that names the ConfigMap's files, and with another authority's, nobody is trusted.
        for found in [
            try connect(site, without: ["SSL_CERT_DIR"]),
            try connect(self.site(redis, password: "s3cret'\\", authority: certificate.otherAuthority)),
        ] {
            #expect(found.allSatisfy { $0.error?.contains("certificate verify failed") == true }, "\(found)")
        }
    }

    @Test func aCertificateForAnotherNameIsRefused() throws {
        let certificate = try TestCertificate(for: "DNS:redis.test")
        let server = try RedisServer(certificate: certificate, arguments: [])
        defer { server.stop() }
        let found = try connect(
            site(
                """
                "host": "127.0.0.1", "port": \(server.port), "database": 0, "tls": true,
                "rootCertificate": "\(certificate.authority)"
                """, authority: certificate.authority))
        #expect(found.allSatisfy { $0.error != nil && $0.written == nil }, "\(found)")
    }

    private func sentinels(_ group: SentinelGroup, _ more: String = "") -> String {
        // Action Cable has the replica, which serves it as well.
        let places = group.sentinels.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ")
        return """
            "host": "127.0.0.1", "port": \(group.replica.port), \(more)
            "sentinel": { "hosts": [\(places)], "master": "\(SentinelGroup.masterName)" }
            """
    }

    private func behind(_ group: SentinelGroup, user: String = "default", database: Int = 0) -> [Found] {
        expected(group.master.port, user: user, database: database).filter { $0.client != "cable" }
    }

    @Test(arguments: [nil, "s3ntinel's"])
    func theSentinelsMaster(password: String?) async throws {
        let group = try SentinelGroup(sentinels: 2, password: password)
        let site = try site(sentinels(group), sentinelPassword: password)
        let found = try connect(site)
        #expect(found.filter { $0.client != "cable" } == behind(group))
        let cable = found.first { $0.client == "cable" }
        #expect(
            cable?.user == "default" && cable?.port == Int(group.replica.port) && cable?.role == "slave", "\(found)")
        // What the empty variable is for: Chatwoot would log in to the Sentinels with the password of Redis.
        // (Sidekiq speaks a newer protocol, in which a user without a password takes any.)
        let naive = try connect(site, without: ["REDIS_SENTINEL_PASSWORD"]).first
        #expect(naive?.client == "application" && naive?.error != nil && naive?.written == nil, "\(naive as Any)")
    }

    @Test func aUserAndADatabaseBehindSentinels() async throws {
        let group = try SentinelGroup(arguments: Self.acl)
        let found = try connect(
            site(sentinels(group, #""database": 4, "user": "chatwoot","#), password: "s3cret'\\"))
        #expect(found.filter { $0.client != "cable" } == behind(group, user: "chatwoot", database: 4), "\(found)")
    }

    @Test func theNewMasterAfterAFailover() async throws {
        let group = try SentinelGroup(downAfter: 1000)
        try await group.waitForReplica()
        let site = try site(sentinels(group))
        #expect(try connect(site).filter { $0.client != "cable" } == behind(group))
        group.master.stop()
        try await group.wait(for: "the replica is the master", "port") { $0 == String(group.replica.port) }
        try await group.wait(for: "the Sentinel sees it as such", "flags") { $0 == "master" }
        #expect(try connect(site) == expected(group.replica.port))
    }
}
