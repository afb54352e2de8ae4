import DataServers
import Foundation
import Glibc
import Testing

/// `inventory check --probe` of many hosts: real ones, all addresses of one sshd, with a login shell of which
/// only one starts at a time; two of them never answer.
@Suite(.timeLimit(.minutes(3))) struct ManyHostsTests {
    private static let count = 160
    /// Without a window the last logins would take `count` times this, more than their limit.
    private static let login = 0.08
    private static let limit = 10

    @Test func noHostIsLostAndSilentOnesDelayNobody() async throws {
        let scratch = try Scratch()
        let server = try scratch.startServer([
            "ForceCommand flock \(scratch.path("turn")) sleep \(Self.login); eval \"$SSH_ORIGINAL_COMMAND\""
        ])
        // One whose connections are never accepted, and one whose packets the kernel drops.
        let (unserved, full) = (try SilentPort(backlog: 8), try SilentPort(backlog: 0))
        try full.fill()
        let inventory = try scratch.writeInventory(
            [("silent-1", "127.0.2.1", unserved.port), ("silent-2", "127.0.2.2", full.port)]
                + (1...Self.count).map { ("host-\($0)", "127.0.1.\($0)", server.port) }, connect: Self.limit)
        let lines = try await scratch.probe(inventory)

        let reached = lines.filter { $0.text.contains("host-") && $0.text.contains("over SSH: logged in as root") }
        #expect(reached.count == Self.count, "\(lines.map(\.text).joined(separator: "\n"))")
        let silent = lines.filter { $0.text.hasPrefix("✗ silent-") }
        #expect(silent.count == 2 && silent.allSatisfy { $0.text.contains("no answer within \(Self.limit) s") })
        // Each is printed as it answers.
        let first = try #require(reached.first?.at)
        let last = try #require(reached.last?.at)
        #expect(first < last / 2, "the first after \(first), the last after \(last)")
        #expect(last < .seconds(60))
        // It was their own time that the silent ones took, and nobody else's.
        let silence = try #require(silent.map(\.at).max())
        #expect(silence < .seconds(Self.limit) + .seconds(10), "\(silence)")
        withExtendedLifetime((server.process, unserved, full)) {}
    }

    @Test func theLimitOfOpenFilesIsRaisedAndItsLackNamed() async throws {
        let scratch = try Scratch()
        let server = try scratch.startServer()
        let inventory = try scratch.writeInventory(
            (1...60).map { ("host-\($0)", "127.0.1.\($0)", server.port) }, connect: 20)
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
        withExtendedLifetime(server.process) {}
    }
}

/// A port of this machine that takes no part in anything.
private final class SilentPort {
    let port: UInt16
    private let descriptor: Int32
    private var occupants: [Int32] = []

    init(backlog: Int32) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, backlog) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isBound)
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { for socket in occupants + [descriptor] { close(socket) } }

    /// Takes the only place for connections that nobody accepts.
    func fill() throws {
        let occupant = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        occupants.append(occupant)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let isConnected = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(occupant, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
    }
}

/// A folder with an SSH server's keys, an inventory and what belongs to it.
private final class Scratch {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private let folder = URL(filePath: "/var/tmp/many-\(UUID().uuidString.prefix(8))")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for key in ["host", "user"] { try runTool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(key)]) }
    }

    deinit {
        do { try FileManager.default.removeItem(at: folder) } catch { print("left behind: \(folder.path): \(error)") }
    }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// One sshd that listens on all of 127.0.0.0/8.
    func startServer(_ options: [String] = []) throws -> (process: ServerProcess, port: UInt16) {
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        let port = try SilentPort(backlog: 1).port
        let settings =
            options + [
                "Port \(port)", "ListenAddress 0.0.0.0", "PidFile none", "UsePAM no", "StrictModes no", "UseDNS no",
                "PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                "AuthorizedKeysFile \(path("user.pub"))", "HostKey \(path("host"))", "MaxStartups 1000",
                "SetEnv SHLVL=5",
            ]
        let file = folder.appending(path: "sshd_config")
        try settings.joined(separator: "\n").appending("\n").write(to: file, atomically: true, encoding: .utf8)
        let command = ["/usr/sbin/sshd", "-D", "-e", "-f", file.path]
        return (try ServerProcess(command, port: port, log: folder.appending(path: "log")), port)
    }

    /// The shipped inventory with other hosts, the first of which is the master; it has no credentials.
    func writeInventory(_ hosts: [(name: String, address: String, port: UInt16)], connect: Int) throws -> String {
        let shipped = try Data(contentsOf: Self.root.appending(path: "inventory.json"))
        var inventory = try #require(JSONSerialization.jsonObject(with: shipped) as? [String: Any])
        let key = try String(contentsOfFile: path("host.pub"), encoding: .utf8).split(separator: " ").prefix(2)
        try hosts.map { "[\($0.address)]:\($0.port) \(key.joined(separator: " "))\n" }.joined()
            .write(toFile: path("known_hosts"), atomically: true, encoding: .utf8)
        inventory["ssh"] = ["user": "root", "key": path("user"), "knownHosts": [path("known_hosts")]] as [String: Any]
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
        try JSONSerialization.data(withJSONObject: inventory).write(to: folder.appending(path: "inventory.json"))
        return path("inventory.json")
    }

    /// The lines that the probe prints and when they came; `limits` is a command of the shell that starts it.
    func probe(_ inventory: String, limits: String = ":") async throws -> [(text: String, at: Duration)] {
        let output = path("output-\(UUID().uuidString.prefix(8))")
        try #require(FileManager.default.createFile(atPath: output, contents: nil))
        let status = path("status-\(UUID().uuidString.prefix(8))")
        let script = "\(limits); \"$@\" >\(output); echo $? >\(status)"
        let runner = Self.root.appending(path: ".build/debug/runner").path
        let command = ["sh", "-c", script, "sh", runner, "inventory", "check", "--probe", "--inventory", inventory]
        let began = ContinuousClock.now
        Thread.detachNewThread {
            do { try runTool(command) } catch { Issue.record("\(error)") }
        }
        var lines: [(String, Duration)] = []
        var isRunning = true
        while isRunning {
            isRunning = !FileManager.default.fileExists(atPath: status)
            let text = try String(contentsOfFile: output, encoding: .utf8)
            let ended = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            lines += ended.dropFirst(lines.count).map { (String($0), .now - began) }
            try await Task.sleep(for: .milliseconds(20))
        }
        // A program that was ended by a signal has not told everything.
        let ended = try String(contentsOfFile: status, encoding: .utf8)
        #expect(
            Int(ended.trimmingCharacters(in: .whitespacesAndNewlines)).map { $0 < 128 } == true, "exit status \(ended)")
        return lines
    }
}
