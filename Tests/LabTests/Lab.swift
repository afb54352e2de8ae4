import Foundation
import Synchronization
import TestSupport
import Testing

/// The rehearsal cluster, driven by its own command.
enum Lab {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let command = root.appending(path: "Tests/lab/lab").path
    static let home = "/var/lib/keybuzz-lab"
    static let state = "\(home)/runner-state"
    static let credentials = "\(home)/credentials"
    static let nodes = ["10.0.0.100", "10.0.0.101", "10.0.0.102", "10.0.0.110"]
    /// Whether tests try all that they can: `make torture`.
    static let isThorough = ProcessInfo.processInfo.environment["RUNNER_TORTURE"] != nil
    /// Whether tests try one of what they can, which a seed chooses: `make test`.
    private static let isBrief = ProcessInfo.processInfo.environment["RUNNER_BRIEF"] != nil
    /// Those of `all` that are tried.
    static func chosen<Value>(_ all: [Value]) -> [Value] {
        guard isBrief else { return all }
        var numbers = SeededNumbers()
        return all.randomElement(using: &numbers).map { [$0] } ?? []
    }

    static let runner =
        ProcessInfo.processInfo.environment["RUNNER_BINARY"] ?? root.appending(path: ".build/debug/runner").path

    /// Runs a verb of the lab and returns its standard output; fails the test where it does not exit 0.
    @discardableResult
    static func call(_ arguments: String..., input: String? = nil) async throws -> String {
        try await call(arguments, input: input)
    }

    /// Runs a verb of the lab and returns its standard output; fails the test where it does not exit 0.
    @discardableResult
    static func call(_ arguments: [String], input: String? = nil) async throws -> String {
        let result = try await Command([command] + arguments, input: input).run()
        try #require(result.status == 0, "lab \(arguments.joined(separator: " ")): \(result.error)\(result.output)")
        return result.output
    }

    /// An empty cluster, empty databases, UFW as module 2 left it, and no state of earlier runs.
    static func reset() async throws {
        try await call("reset")
    }

    /// Runs `runner` on the operator's host to its end.
    static func runner(_ arguments: String..., environment: [String: String] = [:]) async throws -> Command.Result {
        let result = try await Command([command, "run", runner] + arguments, environment: environment).run()
        expectRemedyBefore(result.error)
        return result
    }

    /// A step that a remedy names comes before the one that failed: so no chain of remedies returns to where it began.
    private static func expectRemedyBefore(_ progress: String) {
        guard let failed = progress.firstMatch(of: /✗ \[\d+\/\d+\] (\w+)/)?.1,
            let place = steps.firstIndex(of: String(failed))
        else { return }
        for named in progress.matches(of: /run \d+ --(?:from|only) (\w+)/).map({ String($0.1) }) {
            let earlier = steps.firstIndex(of: named).map { $0 < place } ?? false
            #expect(earlier, "\(failed) fails, and \(named) is its remedy: \(progress)")
        }
    }

    private static let steps = [
        "fix_ufw_k8s_nodes", "reset_database", "11_ct_00_setup_credentials", "11_ct_01_prepare_config",
        "add_imagepullsecrets", "11_ct_04_run_migrations", "11_ct_02_deploy_chatwoot", "11_ct_03_tests",
    ]

    /// Runs module 11, which must succeed; the test is no use where it does not.
    static func runToTheEnd() async throws {
        let run = try await runner("run", "11")
        try #require(run.status == 0, "\(run.error)")
    }

    /// Starts `runner` on the operator's host.
    static func start(_ arguments: String..., environment: [String: String] = [:]) throws -> Command.Running {
        try Command([command, "run", runner] + arguments, environment: environment).start()
    }

    /// kubectl's answer as an object of any shape.
    static func objects(_ arguments: String...) async throws -> [[String: Any]] {
        let result = try await Command([command, "kubectl", "get"] + arguments + ["-o", "json"]).run()
        try #require(result.status == 0, "\(result.error)")
        let answer = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        return (answer?["items"] as? [[String: Any]]) ?? answer.map { [$0] } ?? []
    }

    /// Dates the lease back by more than its term, as if it had not been renewed for so long.
    static func expireLease() async throws {
        let past = Date(timeIntervalSinceNow: -61).formatted(.iso8601).dropLast()
        try await call(
            "kubectl", "-n", "default", "patch", "lease", "keybuzz-runner-11", "--type=merge", "-p",
            #"{"spec": {"renewTime": "\#(past).000000Z"}}"#)
    }

    /// One row of `psql`'s answer, its columns separated by `|`.
    static func sql(_ query: String, database: String = "postgres") async throws -> String {
        try await call("psql", "-d", database, "-Atc", query).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A process with its output in memory and a bounded life.
struct Command {
    let arguments: [String]
    var input: String?
    var environment: [String: String] = [:]

    init(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) {
        self.arguments = arguments
        self.input = input
        self.environment = environment
    }

    struct Result: Sendable {
        let status: Int32
        let output: String
        let error: String
        let seconds: Double
    }

    /// A started process.
    final class Running: Sendable {
        private let process: ChildProcess
        private let began = Date()

        var pid: Int32 { process.pid }
        var isRunning: Bool { process.isRunning }

        fileprivate init(_ command: Command) throws {
            process = try ChildProcess(
                command.arguments[0], Array(command.arguments.dropFirst()),
                environment: ProcessInfo.processInfo.environment.merging(command.environment) { _, own in own },
                input: try command.input.map { try ChildProcess.file(with: Data($0.utf8)) }, errors: .kept)
        }

        /// Whether it was stopped by a signal, as by its own at a failpoint.
        var isStopped: Bool { get throws { try process.isStopped } }

        /// What it has written to standard error so far.
        func progress() throws -> String { try process.errors }

        func send(_ signal: Int32) { process.send(signal) }

        func wait(atMost limit: Duration = .seconds(300)) async throws -> Result {
            let finished = try await process.finish(within: limit)
            return Result(
                status: finished.status, output: finished.output, error: finished.errors,
                seconds: Date().timeIntervalSince(began))
        }
    }

    func start() throws -> Running { try Running(self) }

    func run() async throws -> Result { try await start().wait() }
}

/// Waits until `condition` holds, looking often; fails the test when it does not within `limit`.
func eventually(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "not within \(limit): \(what)")
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Does `work`, and then `undo`, whatever came of that.
func undoing<Value>(
    _ undo: () async throws -> Void, after work: () async throws -> Value
) async throws -> Value {
    let value: Value
    do {
        value = try await work()
    } catch {
        try await undo()
        throw error
    }
    try await undo()
    return value
}
