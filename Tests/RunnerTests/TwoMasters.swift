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
    /// - Parameters:
    ///   - port: The port of the first, where something stands before the server.
    ///   - limit: How long the run waits for a master that serves again, in seconds.
    func siteOfTwoMasters(
        firstThrough port: UInt16? = nil, limit: Int = 30
    ) async throws -> (site: LiveSite, connections: [SSHConnection]) {
        let inventory = try inventoryOfMasters(firstThrough: port ?? self.port, limit: limit)
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

    /// The platform whose three masters are this server, the first through `port`.
    func inventoryOfMasters(firstThrough port: UInt16, limit: Int = 30) throws -> StepKit.Inventory {
        let hostKey = try hostKey()
        var known = ""
        var replacements = [
            ("~/.ssh/keybuzz_infra", userKey), ("~/.ssh/known_hosts", knownHosts),
            ("\"master\": 30", "\"master\": \(limit)"), ("\"connect\": 10", "\"connect\": 50"),
        ]
        for (number, port) in [port, self.port, self.port].enumerated() {
            let address = "127.0.0.\(number + 1)"
            known += "[\(address)]:\(port) \(hostKey)\n"
            replacements.append(
                (#""address": "10.0.0.10\#(number)""#, #""address": "\#(address)", "port": \#(port)"#))
        }
        try known.write(toFile: knownHosts, atomically: true, encoding: .utf8)
        return try Shipped.inventory(replacements, for: [module11])
    }
}

/// Two masters behind a real sshd, whose `kubectl` answers for API servers that a test stops and starts, and which have one
/// Lease in a file.
final class PlayedMasters: Sendable {
    let sshd: SSHServer
    let folder: URL

    /// Answers with what it is given, as the API server would for an object that nobody else writes.
    private static let kubectl = #"""
        #!/bin/sh
        refuse() {
            echo 'The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?' >&2
            exit 1
        }
        set -- FOLDER "$@"
        address=${SSH_CONNECTION% *}
        if [ -e "$1/stopped-${address##* }" ]; then
            echo "$*" >> "$1/refused-${address##* }"
            refuse
        fi
        case $* in
        *' /readyz'*) echo ok; exit ;;
        *' /version'*)
            [ ! -e "$1/unwell" ] || refuse
            echo '{"major": "1", "minor": "34", "gitVersion": "v1.34.1"}'
            exit ;;
        esac
        exec python3 - 3<&0 "$@" <<'END'
        import json, os, sys, time
        folder, words = sys.argv[1], sys.argv[2:]
        if "get" in words:
            if os.path.exists(f"{folder}/lease"): print(open(f"{folder}/lease").read())
            sys.exit()
        given = json.load(open(3))
        if "--dry-run=server" not in words:
            given["metadata"].update(uid="one", resourceVersion=str(time.time_ns()))
            open(f"{folder}/lease.new", "w").write(json.dumps(given))
            os.rename(f"{folder}/lease.new", f"{folder}/lease")
            while os.path.exists(f"{folder}/deaf"): time.sleep(0.1)
        given["metadata"]["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(json.dumps(given))
        END
        """#

    init() throws {
        folder = try makeTemporaryDirectory()
        let program = folder.appending(path: "kubectl")
        try Self.kubectl.replacing("FOLDER", with: folder.path).write(to: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        sshd = try SSHServer(
            address: "0.0.0.0",
            options: ["ForceCommand PATH=\(folder.path):$PATH; export PATH; eval \"$SSH_ORIGINAL_COMMAND\""])
    }

    deinit {
        sshd.stop()
        do { try FileManager.default.removeItem(at: folder) } catch { print("left behind: \(folder)") }
    }

    /// What the Lease is.
    var lease: String { get throws { try String(contentsOf: folder.appending(path: "lease"), encoding: .utf8) } }

    /// Whether there is one.
    var hasLease: Bool { FileManager.default.fileExists(atPath: folder.appending(path: "lease").path) }

    /// What is written is done, and its answer does not come.
    func loseAnswers() throws { try Data().write(to: folder.appending(path: "deaf")) }
    /// Answers come again.
    func giveAnswers() throws { try FileManager.default.removeItem(at: folder.appending(path: "deaf")) }

    /// Stops the API server of the first or second master.
    func stop(_ number: Int) throws { try Data().write(to: folder.appending(path: "stopped-127.0.0.\(number)")) }
    /// How often the stopped API server of the first or second master was asked for what contains `part`, or for anything.
    func refusals(_ number: Int, of part: String? = nil) throws -> Int {
        let file = folder.appending(path: "refused-127.0.0.\(number)")
        guard FileManager.default.fileExists(atPath: file.path) else { return 0 }
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .count { line in part.map { line.contains($0) } ?? true }
    }
    /// Starts it again.
    func start(_ number: Int) throws {
        try FileManager.default.removeItem(at: folder.appending(path: "stopped-127.0.0.\(number)"))
    }
    /// Both API servers are ready, and yet do not answer what they are asked.
    func makeUnwell() throws { try Data().write(to: folder.appending(path: "unwell")) }
}
