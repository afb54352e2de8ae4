import ClientKit
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// What comes from outside, with all that a terminal obeys or hides.
let hostile = "a\u{1B}]0;owned\u{07}\u{1B}[2J\u{08}\u{9B}31m\u{0}b\u{202E}c\u{2028}d\u{200B}e\u{7F}"
let hidden: [Unicode.Scalar] = [
    "\u{1B}", "\u{07}", "\u{08}", "\u{9B}", "\u{0}", "\u{202E}", "\u{2028}", "\u{200B}", "\u{7F}",
]

/// A state directory with one run of one step, removed when the test ends.
final class AuditSample {
    let path = NSTemporaryDirectory() + "runner-tests-\(UUID().uuidString)"
    let state: StateDirectory
    let journal: RunJournal
    let step = "fix_ufw_k8s_nodes"

    init(commands: Int = 3, output: String = "line\n", isFinished: Bool = true) async throws {
        state = try StateDirectory.prepare(path)
        let lock = try ModuleLock.acquire(module: "11", in: state)
        journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: [step], runnerVersion: "1.0", inventoryPath: "/i.json",
                inventoryDigest: "00", why: RunReason(ticket: "OPS-7", reason: hostile)),
            in: state, holding: lock, redactor: Redactor())
        try await journal.beginStep(step)
        for number in 0..<commands {
            let activity = Activity(
                channel: .ssh, host: "k8s-\(hostile)", for: "look \(hostile)", command: ["echo", hostile, "\(number)"],
                effect: .change)
            try await journal.willBegin(activity)
            journal.didReceive(Array(output.utf8)[...], from: .stdout, of: activity)
            try await journal.didEnd(
                activity, ActivityOutcome(status: .unknown(hostile), duration: .milliseconds(1)))
        }
        let change = RecordedChange(
            "change \(hostile)", action: "change", object: "Deployment \(hostile)/web", field: hostile, before: hostile,
            after: hostile)
        try await journal.recordCheck(of: step, inPlace: false, changes: [change])
        try await journal.failStep(step, error: hostile)
        if isFinished { try await journal.finish(.failed, exitCode: 1, error: hostile, step: step) }
        try lock.release()
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
    }

    /// Runs the program as a shell would; `$runner` is it.
    func run(_ command: String) async throws -> (status: Int32, output: String, errors: String) {
        try await Self.run(command, state: path)
    }

    /// The same on another state directory.
    static func run(
        _ command: String, state path: String
    ) async throws -> (status: Int32, output: String, errors: String) {
        let finished = try await ChildProcess.run(
            "/bin/sh", ["-c", "runner=$0; \(command)", Program.runner.file.path],
            environment: ["RUNNER_STATE_DIR": path, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"], errors: .kept)
        return (finished.status, finished.output, finished.errors)
    }

    var log: String { "\(journal.path)/audit.jsonl" }

    /// Changes one byte of a line of the log.
    func damage(line: Int) throws {
        var lines = try Data(contentsOf: URL(filePath: log)).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        lines[line - 1][lines[line - 1].startIndex + 30] ^= 1
        try Data(lines.joined(separator: [UInt8(ascii: "\n")])).write(to: URL(filePath: log))
    }
}
