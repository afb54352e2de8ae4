import ClientKit
import DataServers
import Foundation
import Glibc
import TestSupport
import Testing

/// `inventory check --probe` of many hosts: real ones, all addresses of one sshd, with a login shell of which
/// only one starts at a time; two of them never answer.
@Suite(.timeLimit(.minutes(20))) struct ManyHostsTests {
    private static let count = 160
    /// Without a window the last logins would take `count` times this, more than their limit.
    private static let login = 0.2
    private static let limit = 25

    @Test func noHostIsLostAndSilentOnesDelayNobody() async throws {
        let turn = FileManager.default.temporaryDirectory.appending(path: "turn-\(UUID().uuidString)").path
        defer { unlink(turn) }
        let scratch = try Scratch(options: [
            "ForceCommand flock \(turn) sleep \(Self.login); eval \"$SSH_ORIGINAL_COMMAND\""
        ])
        // One whose connections are never accepted, and one whose packets the kernel drops.
        let (unserved, full) = (UnservedPort(), BlackHole())
        let inventory = try scratch.writeInventory(
            [("silent-1", "127.0.2.1", unserved.port), ("silent-2", "127.0.2.2", full.port)]
                + (1...Self.count).map { ("host-\($0)", "127.0.1.\($0)", scratch.server.port) }, connect: Self.limit)
        let lines = try await scratch.probe(inventory)

        let reached = lines.filter { $0.text.contains("host-") && $0.text.contains("over SSH: logged in as root") }
        #expect(reached.count == Self.count, "\(lines.map(\.text).joined(separator: "\n"))")
        let silent = lines.filter { $0.text.hasPrefix("✗ silent-") }
        let words = "no answer within \(Self.limit) s (limits.connect)"
        #expect(silent.count == 2 && silent.allSatisfy { $0.text.contains(words) })
        // Each is printed as it answers.
        let first = try #require(reached.first?.at)
        let last = try #require(reached.last?.at)
        #expect(first < last / 2, "the first after \(first), the last after \(last)")
        // It was their own time that the silent ones took, side by side with everybody else's.
        let silence = try #require(silent.map(\.at).max())
        #expect(silence < last + .seconds(Self.limit), "\(silence), the last after \(last)")
        withExtendedLifetime((scratch, unserved, full)) {}
    }

    @Test func theLimitOfOpenFilesIsRaisedAndItsLackNamed() async throws {
        let scratch = try Scratch()
        let inventory = try scratch.writeInventory(
            (1...60).map { ("host-\($0)", "127.0.1.\($0)", scratch.server.port) }, connect: 20)
        var lines = try await scratch.probe(inventory, limits: "ulimit -Sn 30").map(\.text)
        #expect(lines.filter { $0.contains("logged in as root") }.count == 60, "\(lines)")
        lines = try await scratch.probe(inventory, limits: "ulimit -n 40").map(\.text)
        #expect(lines.filter { $0.contains("over SSH") }.count == 60)
        let failed = lines.indices.filter { lines[$0].hasPrefix("✗ host-") }
        #expect(!failed.isEmpty)
        for number in failed {
            #expect(lines[number].contains("Too many open files"))
            #expect(lines[number + 1].contains("ulimit -n"))
        }
        withExtendedLifetime(scratch) {}
    }
}

/// An SSH server on all addresses of 127.0.0.0/8, and an inventory of hosts that are all this one.
private final class Scratch {
    let server: SSHServer

    init(options: [String] = []) throws {
        let always = ["KbdInteractiveAuthentication no", "MaxStartups 1000", "SetEnv SHLVL=5"]
        server = try SSHServer(address: "0.0.0.0", options: options + always)
    }

    func path(_ name: String) -> String { server.directory.appending(path: name).path }

    /// The shipped inventory with other hosts, the first of which is the master; it has no credentials.
    func writeInventory(_ hosts: [(name: String, address: String, port: UInt16)], connect: Int) throws -> String {
        let key = try server.hostKey()
        try hosts.map { "[\($0.address)]:\($0.port) \(key)\n" }.joined()
            .write(toFile: server.knownHosts, atomically: true, encoding: .utf8)
        let file = server.directory.appending(path: "inventory.json")
        try Shipped.writeInventory(to: file) { inventory in
            inventory["ssh"] =
                ["user": "root", "key": server.userKey, "knownHosts": [server.knownHosts]] as [String: Any]
            inventory["hosts"] = hosts.enumerated().map { number, host in
                [
                    "name": host.name, "address": host.address, "port": Int(host.port),
                    "roles": [number == 0 ? "master" : "worker"],
                ] as [String: Any]
            }
            inventory["cluster"] = [
                "nodeNetwork": "127.0.0.0/8", "podCIDR": "10.233.0.0/16", "serviceCIDR": "10.96.0.0/12",
            ]
            inventory["backup"] = nil
            inventory["postgres"] = ["hosts": ["127.0.0.1"]]
            inventory["redis"] = ["host": "127.0.0.1"]
            inventory["credentials"] = ["directory": path("no-credentials")]
            inventory["limits"] = ["connect": connect]
        }
        return file.path
    }

    /// The lines that the probe prints and when they came; `limits` is a command of the shell that starts it.
    func probe(_ inventory: String, limits: String = ":") async throws -> [(text: String, at: Duration)] {
        let output = path("output-\(UUID().uuidString.prefix(8))")
        try #require(FileManager.default.createFile(atPath: output, contents: nil))
        let status = path("status-\(UUID().uuidString.prefix(8))")
        let script = "\(limits); \"$@\" >\(output); echo $? >\(status).new; mv \(status).new \(status)"
        let runner = Program.runner.file.path
        let command = ["sh", "-c", script, "sh", runner, "inventory", "check", "--probe", "--inventory", inventory]
        // Off the threads of the concurrency runtime: the tests beside this one block them, and the lines would be late.
        let lines = try await runBlocking { try Self.lines(of: command, in: output, until: status) }
        // A program that was ended by a signal has not told everything.
        let ended = try String(contentsOfFile: status, encoding: .utf8)
        #expect(
            Int(ended.trimmingCharacters(in: .whitespacesAndNewlines)).map { $0 < 128 } == true, "exit status \(ended)")
        return lines
    }

    /// Runs `command`; the lines of its `output` and when they came, until `status` is there.
    private static func lines(
        of command: [String], in output: String, until status: String
    ) throws -> [(text: String, at: Duration)] {
        let began = ContinuousClock.now
        Thread.detachNewThread {
            do { try runTool(command) } catch { Issue.record("\(error)") }
        }
        var lines: [(String, Duration)] = []
        var isRunning = true
        while isRunning, .now - began < .seconds(360) {
            isRunning = !FileManager.default.fileExists(atPath: status)
            let text = try String(contentsOfFile: output, encoding: .utf8)
            let ended = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            lines += ended.dropFirst(lines.count).map { (String($0), .now - began) }
            usleep(20_000)
        }
        return lines
    }
}
