import ArgumentParser
import ClientKit
import Foundation
import Journal
import StepKit

/// The state directory: the flag, then `RUNNER_STATE_DIR`, then the user's default.
struct StateOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "The state directory (default: $RUNNER_STATE_DIR, else /var/lib/keybuzz-runner for root, else XDG state)."
    )
    var stateDir: String?

    var path: String {
        StateDirectory.resolve(flag: stateDir, environment: ProcessInfo.processInfo.environment)
    }

    /// The directory for reading, which must exist; nothing is created.
    var existing: StateDirectory {
        get async throws {
            let path = path
            return try await runBlocking { try StateDirectory.existing(path) }
        }
    }

    /// The directory, created if necessary and verified to be writable.
    func prepared(_ terminal: Terminal) async throws -> StateDirectory {
        let path = path
        let state = try await runBlocking { try StateDirectory.prepare(path) }
        for warning in state.warnings { terminal.line("warning: \(warning)") }
        return state
    }

    /// The run with the id `text`, or the newest.
    func run(_ text: String?) async throws -> RunReader {
        let state = try await existing
        let found = try await runBlocking { () -> RunReader? in
            guard let text else { return try state.newestRun() }
            return try RunID(text).flatMap { try state.run($0) }
        }
        let id = text.flatMap { RunID($0) }
        if found == nil, let id, let tombstone = try await runBlocking({ try state.tombstone(of: id) }) {
            throw StepFailure(
                "find run \(id)", cause: tombstone.summary,
                remedy: "unpack the archive that it was exported as, and run its verify.sh", kind: .badInput)
        }
        guard let found else {
            throw StepFailure(
                "find \(text.map { "run \($0)" } ?? "the newest run")", cause: "there is none in \(state.path)",
                remedy: text == nil
                    ? "start one with `runner run MODULE`" : "run `runner status --all` to list the runs",
                kind: .badInput)
        }
        return found
    }
}
