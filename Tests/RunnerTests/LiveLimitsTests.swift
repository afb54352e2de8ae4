import ClientKit
import DataServers
import Foundation
import Kubernetes
import Postgres
import SSH
import Steps
import TestSupport
import Testing

@testable import RunnerCommands
@testable import StepKit

/// The time limits of what a run talks to come from its inventory.
@Suite(.serialized) struct LiveLimitsTests {
    /// A host with a `kubectl` that notes how it was called, and has nothing to say.
    private final class Master {
        let server: SSHServer
        private let folder: URL

        init() throws {
            folder = try makeTemporaryDirectory()
            let program = folder.appending(path: "kubectl")
            try "#!/bin/sh\nprintf '%s\\n' \"$*\" >>\(folder.path)/calls\n"
                .write(to: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
            server = try SSHServer(options: [
                "ForceCommand PATH=\(folder.path):$PATH; export PATH; eval \"$SSH_ORIGINAL_COMMAND\""
            ])
        }

        deinit {
            server.stop()
            do { try FileManager.default.removeItem(at: folder) } catch { print("left behind: \(folder): \(error)") }
        }

        /// The time limits that kubectl was given, in seconds.
        func requestTimeouts() throws -> [Int] {
            try String(contentsOf: folder.appending(path: "calls"), encoding: .utf8)
                .matches(of: /--request-timeout=(\d+)s/).compactMap { Int($0.1) }
        }
    }

    private func inventory(service: Int, on server: SSHServer, _ changes: [(String, String)] = []) throws -> Inventory {
        try Shipped.inventory(
            [
                ("~/.ssh/keybuzz_infra", server.userKey), ("~/.ssh/known_hosts", server.knownHosts),
                (#""address": "10.0.0.100""#, #""address": "127.0.0.1", "port": \#(server.port)"#),
                ("\"page\": 60", "\"page\": 300"), ("\"service\": 15", "\"service\": \(service)"),
            ] + changes, for: [module11])
    }

    private let credentials = Credentials(
        postgres: PostgresCredentials(
            user: "kb_admin", password: Secret(PostgresServer.adminPassword), host: nil, port: nil),
        redis: RedisCredentials(password: Secret("none")),
        registry: RegistryCredentials(username: "nobody", token: Secret("none")), objectStorage: nil)

    /// A renewal of the Lease has to fail within the term, whatever one answer may take.
    @Test(arguments: [(service: 7, lease: 7), (service: 200, lease: 30)])
    func kubectlsAreTheInventorysAndTheLeasesEndWithinItsTerm(service: Int, lease: Int) async throws {
        let master = try Master()
        let inventory = try inventory(service: service, on: master.server)
        let hosts = LiveHosts(inventory, observer: IgnoringObserver()) { _ in nil }
        let site = LiveSite(
            inventory: inventory, credentials: credentials,
            generated: GeneratedSecretsStore(directory: CredentialsDirectory(path: "/nowhere"), filed: [:]) { _ in },
            hosts: hosts, connections: [try await hosts.connect(to: inventory.hosts[0]).get()], absent: [],
            observer: IgnoringObserver(), module: module11)
        let writer = try await site.site(reporter: .silent)
        // It prints nothing, which is no answer of an API server.
        await #expect(throws: KubernetesError.self) { try await writer.reader.cluster.serverVersion() }
        await #expect(throws: KubernetesError.self) { try await site.takeLease(run: "none", step: nil) }
        await site.close()
        let given = try master.requestTimeouts()
        #expect(given.first == service)
        #expect(given.count > 1 && given.dropFirst().allSatisfy { $0 == lease }, "\(given)")
    }

    @Test func aCommandsOnAHostIsTheInventorys() async throws {
        let master = try Master()
        let inventory = try inventory(service: 15, on: master.server, [("\"command\": 90", "\"command\": 1")])
        let hosts = LiveHosts(inventory, observer: IgnoringObserver()) { _ in nil }
        let connection = try await hosts.connect(to: inventory.hosts[0]).get()
        let error = await #expect(throws: SSHError.self) {
            try await connection.run(RemoteCommand(["sleep", "60"], effect: .read))
        }
        let cause = try #require(error).cause
        #expect(cause.hasPrefix("it did not end within 1 s (limits.command)"), "\(cause)")
        await connection.close()
        await hosts.close()
    }

    @Test func theSilenceOfAHostAndTheAnswerOfAnAgentAreTheInventorys() throws {
        let changes = [
            ("\"silence\": 30", "\"silence\": 12"), ("\"agent\": 30", "\"agent\": 45"),
            ("\"interrupt\": 2", "\"interrupt\": 7"),
        ]
        let inventory = try Shipped.inventory(changes, for: [module11])
        let limits = SSHDestination(try #require(inventory.hosts.first), of: inventory).limits
        #expect(limits.silence.inWords == "12 s (limits.silence)")
        #expect(limits.keepaliveInterval == .seconds(4))
        #expect(limits.agent.inWords == "45 s (limits.agent)")
        #expect(limits.cancellation == .seconds(7))
    }

    @Test func aStatementsIsTheInventorys() async throws {
        let server = try PostgresServer()
        defer { server.stop() }
        let master = try Master()
        let inventory = try inventory(
            service: 7, on: master.server,
            [
                (
                    "\"hosts\": [\"10.0.0.10\"],\n    \"port\": 5432",
                    "\"hosts\": [\"127.0.0.1\"],\n    \"port\": \(server.port)"
                )
            ])
        let services = LiveDataServices(
            inventory: inventory, credentials: credentials,
            hosts: LiveHosts(inventory, observer: IgnoringObserver()) { _ in nil }, observer: IgnoringObserver())
        let reader = try await services.postgresReader(.admin(database: "postgres"))
        #expect(try await reader.value("SELECT current_setting('statement_timeout')") == "7s")
        await services.close()
    }
}
