import DataServers
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// An inventory of hosts that accept connections and never say a word, so that a run of it has the
/// module for as long as a test needs; with a state directory.
final class SilentPlatform {
    /// The password of Redis in its credentials.
    static let redisPassword = "Rd7-xN2-tQp"
    let folder: URL
    let inventory: String
    let state: StateDirectory
    private let port = UnservedPort()

    /// - Parameters:
    ///   - limit: How many seconds a run waits for the hosts.
    ///   - passphrase: That of the operator's key; empty for none.
    ///   - others: Further limits of the inventory.
    init(limit: Int, passphrase: String = "", others: [String: Int] = [:]) async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "silent-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        state = try StateDirectory.prepare(folder.appending(path: "state").path)
        try writeCredentials(in: folder, postgres: "Kq8-vT3-mWz", redis: Self.redisPassword)
        inventory = folder.appending(path: "inventory.json").path
        let key = folder.appending(path: "id").path
        try await runTool("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", key])
        let host = try String(contentsOfFile: "\(key).pub", encoding: .utf8)
        let (folder, port) = (folder, port.port)
        try Shipped.writeInventory(to: URL(filePath: inventory)) { object in
            var hosts = try #require(object["hosts"] as? [[String: Any]])
            var known = ""
            for index in hosts.indices {
                hosts[index]["address"] = "127.0.0.\(index + 2)"
                hosts[index]["port"] = Int(port)
                known += "[127.0.0.\(index + 2)]:\(port) \(host)"
            }
            let knownHosts = folder.appending(path: "known_hosts")
            try Data(known.utf8).write(to: knownHosts)
            object["ssh"] = ["user": "root", "key": key, "knownHosts": [knownHosts.path]] as [String: Any]
            object["hosts"] = hosts
            object["cluster"] = [
                "nodeNetwork": "127.0.0.0/8", "podCIDR": "10.233.0.0/16", "serviceCIDR": "10.96.0.0/12",
            ]
            object["postgres"] = ["hosts": ["127.0.0.1"]]
            object["redis"] = ["host": "127.0.0.1"]
            object["credentials"] = ["directory": folder.path]
            // The waits around a connection must be longer than it.
            var limits = ["connect": limit]
            for outer in ["page", "rollout", "migration", "backup"] { limits[outer] = 3600 }
            object["limits"] = limits.merging(others) { $1 }
        }
    }

    deinit {
        do { try FileManager.default.removeItem(at: folder) } catch { print("left behind: \(folder.path): \(error)") }
    }

    /// Starts `runner`, after what the shell does first.
    func start(_ arguments: [String], after first: String? = nil) throws -> ChildProcess {
        let words = words(for: arguments)
        guard let first else { return try ChildProcess(Program.runner.file.path, words) }
        return try ChildProcess(
            "/bin/sh", ["-c", "\(first); exec \"$@\"", "sh", Program.runner.file.path] + words)
    }

    /// A command with its inventory and its state directory.
    func words(for arguments: [String]) -> [String] {
        arguments + ["--inventory", inventory, "--state-dir", state.path]
    }

    /// The same for a command that has no state directory.
    func examine(_ arguments: [String]) throws -> ChildProcess {
        try ChildProcess(Program.runner.file.path, arguments + ["--inventory", inventory])
    }

    /// Starts a run, and waits until its record has begun.
    func begin(
        _ arguments: [String] = ["run", "11", "--new"], after first: String? = nil
    ) async throws -> ChildProcess {
        let before = try state.newestRun()?.id
        let run = try start(arguments, after: first)
        try await eventually("its run has begun") {
            guard let newest = try state.newestRun(), newest.id != before else { return !run.isRunning }
            return try !newest.entries().isEmpty || !run.isRunning
        }
        return run
    }

    /// A finished run of module 11 in the state directory.
    func makeRun() async throws -> RunReader {
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: ["fix_ufw_k8s_nodes"], runnerVersion: "1.0", inventoryPath: "/i.json",
                inventoryDigest: "00"),
            in: state, holding: lock, redactor: Redactor())
        try await journal.finish(.succeeded, exitCode: 0)
        try lock.release()
        return journal.reader
    }

    /// Runs `runner` to its end on the state directory.
    func runner(_ arguments: String...) async throws -> (output: String, status: Int32) {
        try await Program.runner.run(arguments + ["--state-dir", state.path])
    }
}

extension ChildProcess {
    /// What it has written so far, for the words of a failed expectation.
    var told: String { (try? output) ?? "its output cannot be read" }
}

/// Writes the platform's credentials files into `folder`, with these passwords, for their owner alone.
func writeCredentials(in folder: URL, postgres: String, redis: String) throws {
    for (name, text) in [
        "postgres.env": "POSTGRES_SUPERUSER=kb_admin\nPOSTGRES_SUPERPASS=\(postgres)\n",
        "redis.env": "REDIS_PASSWORD=\(redis)\n",
        "ghcr.env": "GHCR_USERNAME=robot\nGHCR_TOKEN=ghp_0123456789abcdef\n",
    ] {
        let file = folder.appending(path: name)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }
}

/// Waits until `condition` holds, and fails the test when it does not within `limit`.
func eventually(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        try #require(ContinuousClock.now < deadline, "\(what)")
        try await Task.sleep(for: .milliseconds(5))
    }
}
