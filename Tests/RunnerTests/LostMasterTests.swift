import ClientKit
import DataServers
import Engine
import Foundation
import SSH
import Steps
import TestSupport
import Testing

@testable import StepKit
@testable import RunnerCommands

/// Two masters behind a real sshd, the first of them through a path that breaks.
@Suite(.timeLimit(.minutes(15))) struct LostMasterTests {
    /// Outside a step nothing begins again by itself: the preflight, a plan and the diagnosis go on through the next master.
    @Test(arguments: FaultyProxy.Moment.allCases) func theNextOneIsAskedWhatTheLostOneWasAsked(
        _ moment: FaultyProxy.Moment
    ) async throws {
        let sshd = try SSHServer(address: "0.0.0.0")
        defer { sshd.stop() }
        let proxy = FaultyProxy(to: sshd.port)
        let hostKey = try sshd.hostKey()
        try "[127.0.0.1]:\(proxy.port) \(hostKey)\n[127.0.0.2]:\(sshd.port) \(hostKey)\n"
            .write(toFile: sshd.knownHosts, atomically: true, encoding: .utf8)
        let inventory = try Shipped.inventory(
            [
                ("~/.ssh/keybuzz_infra", sshd.userKey), ("~/.ssh/known_hosts", sshd.knownHosts),
                (#""address": "10.0.0.100""#, #""address": "127.0.0.1", "port": \#(proxy.port)"#),
                (#""address": "10.0.0.101""#, #""address": "127.0.0.2", "port": \#(sshd.port)"#),
            ], for: [module11])
        let hosts = LiveHosts(inventory, observer: IgnoringObserver()) { _ in nil }
        var connections: [SSHConnection] = []
        for host in inventory.masters.prefix(2) { connections.append(try await hosts.connect(to: host).get()) }
        let site = LiveSite(
            inventory: inventory,
            credentials: Credentials(
                postgres: PostgresCredentials(user: "kb_admin", password: Secret("unused"), host: nil, port: nil),
                redis: RedisCredentials(password: nil),
                registry: RegistryCredentials(username: "nobody", token: Secret("none")), objectStorage: nil),
            generated: GeneratedSecretsStore(directory: CredentialsDirectory(path: "/nowhere"), filed: [:]) { _ in },
            hosts: hosts, connections: connections, absent: [], observer: IgnoringObserver(), module: module11)
        try await site.chooseMaster()
        var asked: [String] = []
        var told: [String] = []
        do {
            let missing = try await site.throughMasters(reporter: .silent) { writer in
                if asked.isEmpty { proxy.arm(.reset, at: moment) }
                asked.append(writer.reader.master.name)
                return try await writer.reader.master.missingPrograms(among: ["sh", "no-such-program"])
            } onFailover: { lost, _ in
                told.append(lost)
            }
            #expect(missing == ["no-such-program"])
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
        #expect(asked == ["k8s-master-01", "k8s-master-02"])
        #expect(told == ["k8s-master-01 no longer responds, continuing through k8s-master-02"])
    }
}
