public import ClientKit
import Foundation
public import Redis

/// A Redis master with a replica and Sentinels that watch them, all of a test's own.
public final class SentinelGroup: Sendable {
    /// The name under which they watch it.
    public static let masterName = "My_master.1"
    /// The first master.
    public let master: RedisServer
    /// Its replica.
    public let replica: RedisServer
    /// The Sentinels' ports.
    public let sentinels: [UInt16]
    private let processes: [ServerProcess]
    private let directory: URL

    /// Starts them; the Sentinels want `password`, where one is given, and watch the master at `announced`.
    public init(
        sentinels count: Int = 1, password: String? = nil, announced port: UInt16? = nil, downAfter: Int = 30_000,
        arguments: [String] = []
    ) throws {
        let auth = ["--masterauth", RedisServer.password] + arguments
        master = try RedisServer(arguments: auth)
        replica = try RedisServer(arguments: auth + ["--replicaof", "127.0.0.1 \(master.port)"])
        directory = try makeTemporaryDirectory()
        let name = Self.masterName
        var ports: [UInt16] = []
        var processes: [ServerProcess] = []
        for index in 0..<count {
            let own = freePort()
            let file = directory.appendingPathComponent("sentinel-\(index).conf")
            let lines =
                [
                    "port \(own)", "bind 127.0.0.1", "dir \(directory.path)",
                    "sentinel monitor \(name) 127.0.0.1 \(port ?? master.port) \(count / 2 + 1)",
                    "sentinel auth-pass \(name) \(Self.quoted(RedisServer.password))",
                    "sentinel down-after-milliseconds \(name) \(downAfter)",
                    "sentinel failover-timeout \(name) 3000",
                ]
                + (password.map { ["requirepass \(Self.quoted($0))", "sentinel sentinel-pass \(Self.quoted($0))"] }
                    ?? [])
            try lines.joined(separator: "\n").appending("\n").write(to: file, atomically: true, encoding: .utf8)
            processes.append(
                try ServerProcess(
                    ["redis-server", file.path, "--sentinel"], port: own,
                    log: directory.appendingPathComponent("sentinel-\(index).log")))
            ports.append(own)
        }
        sentinels = ports
        self.processes = processes
    }

    deinit {
        for process in processes { process.stop() }
        try? FileManager.default.removeItem(at: directory)
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// The Sentinels as the inventory would name them, with others before them.
    public func group(
        after others: [UInt16] = [], named name: String = masterName, password: String? = nil,
        timeout: TimeLimit = .seconds(5)
    ) -> RedisSentinels {
        RedisSentinels(
            places: (others + sentinels).map { .init(host: "127.0.0.1", port: $0) }, masterName: name,
            password: password.map { Secret($0) }, timeout: timeout)
    }

    /// Waits until the first Sentinel tells `field` of the master to be what `isWanted` says.
    public func wait(for what: String, _ field: String, _ isWanted: (String) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while .now < deadline {
            if let value = try state()[field], isWanted(value) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw LaunchFailure(description: "not so in time: \(what): \(try state())")
    }

    /// Waits until the Sentinels know the replica, without which there is nobody to make the master.
    public func waitForReplica() async throws {
        try await wait(for: "the replica is known", "num-slaves") { $0 == "1" }
        let reader = try await RedisReader.connect(to: replica.endpoint, observer: IgnoringObserver())
        let deadline = ContinuousClock.now + .seconds(30)
        while try await reader.info().fields["master_link_status"] != "up" {
            guard .now < deadline else { throw LaunchFailure(description: "the replica does not follow its master") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// What the first Sentinel says of the master.
    public func state() throws -> [String: String] {
        let words = try toolOutput(
            ["redis-cli", "-p", String(sentinels[0]), "--raw", "sentinel", "master", Self.masterName]
        ).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return stride(from: 0, to: words.count - 1, by: 2).reduce(into: [:]) { $0[words[$1]] = words[$1 + 1] }
    }
}

/// Runs a program to its end, and returns what it wrote to its standard output.
public func toolOutput(_ command: [String]) throws -> String {
    let file = URL(fileURLWithPath: "/var/tmp/runner-test-output-\(UUID().uuidString)")
    defer { unlink(file.path) }
    try runTool(["sh", "-c", #"out=$1; shift; exec "$@" > "$out""#, "sh", file.path] + command)
    return try String(contentsOf: file, encoding: .utf8)
}
