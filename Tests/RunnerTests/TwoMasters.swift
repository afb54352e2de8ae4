import ClientKit
import DataServers
import Foundation
import SSH
import Steps
import TestSupport

@testable import RunnerCommands
@testable import StepKit

extension SSHServer {
    /// The platform with this server, which listens on every address, as two masters, and the connections to them.
    ///
    /// - Parameter port: The port of the first, where something stands before the server.
    func siteOfTwoMasters(
        firstThrough port: UInt16? = nil
    ) async throws -> (site: LiveSite, connections: [SSHConnection]) {
        let first = port ?? self.port
        let hostKey = try hostKey()
        try "[127.0.0.1]:\(first) \(hostKey)\n[127.0.0.2]:\(self.port) \(hostKey)\n"
            .write(toFile: knownHosts, atomically: true, encoding: .utf8)
        let inventory = try Shipped.inventory(
            [
                ("~/.ssh/keybuzz_infra", userKey), ("~/.ssh/known_hosts", knownHosts),
                (#""address": "10.0.0.100""#, #""address": "127.0.0.1", "port": \#(first)"#),
                (#""address": "10.0.0.101""#, #""address": "127.0.0.2", "port": \#(self.port)"#),
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
        return (site, connections)
    }
}
