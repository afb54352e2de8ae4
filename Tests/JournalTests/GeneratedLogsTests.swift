import Foundation
import TestSupport
import Testing

@testable import Journal

/// State directories that runs wrote and nobody touched: every verification must accept them.
@Suite(.timeLimit(.minutes(60))) struct GeneratedLogsTests {
    private static let torture = ProcessInfo.processInfo.environment["RUNNER_TORTURE"] != nil
    /// How many runs there must have been.
    private static let wanted = torture ? 1000 : 120
    private static let perDirectory = 20

    /// Where a process may be killed: while a run begins, and later.
    private static let beginning = [
        "runs.locked", "run.described", "run.directory", "run.header", "run.naming", "run.named", "run.log-opened",
        "record.append", "record.sync", "opening.recorded", "list.written", "opening.witnessed",
    ]
    private static let later = [
        "record.append", "record.sync", "file.stage", "file.announce", "file.commit", "file.committed",
        "checkpoint.withdraw", "outcome.decide", "outcome.written", "outcome.witnessed",
    ]

    private struct Tally: CustomStringConvertible {
        var runs = 0, stillborn = 0, killed = 0, signed = 0, resumed = 0, pruned = 0, records = 0

        var description: String {
            "\(runs) runs with \(records) records: \(stillborn) stillborn, \(killed) killed, \(resumed) resumed, "
                + "\(signed) in signed directories, \(pruned) pruned"
        }
    }

    @Test func everyUntouchedLogIsAccepted() throws {
        var numbers = SeededNumbers()
        var tally = Tally()
        while tally.runs < Self.wanted { try fillDirectory(&tally, &numbers) }
        print("accepted \(tally)")
        #expect(tally.stillborn > 0 && tally.killed > 0 && tally.resumed > 0 && tally.pruned > 0, "\(tally)")
        survived(
            "logs that nobody touched", times: tally.runs, oracle: "`audit verify` accepts each", seed: numbers.seed)
    }

    private func fillDirectory(_ tally: inout Tally, _ numbers: inout SeededNumbers) throws {
        let state = try Scratch().state()
        let isSigned = Bool.random(using: &numbers)
        for _ in 0..<Self.perDirectory {
            let seed = UInt64.random(in: 0...UInt64(UInt32.max), using: &numbers)
            var environment: [String: String] = [:]
            if Int.random(in: 0..<3, using: &numbers) == 0 {
                let isEarly = Bool.random(using: &numbers)
                let places = isEarly ? Self.beginning : Self.later
                let number = isEarly ? 1 : Int.random(in: 1...12, using: &numbers)
                environment["RUNNER_FAILPOINT"] = "\(places.randomElement(using: &numbers) ?? ""):\(number):kill"
            }
            let ended = try runToEnd(
                helper, ["random", state.path, "\(seed)", isSigned ? "signed" : "unsigned"], environment: environment)
            let what = "seed \(seed), \(environment), \(state.path)"
            #expect(ended.wasKilled || ended.status == 0, "\(what): \(ended.lines)")
            if ended.wasKilled { tally.killed += 1 }
            try accept(state, what)
            if Int.random(in: 0..<8, using: &numbers) == 0 { try prune(state, &tally, what) }
        }
        tally.signed += isSigned ? Self.perDirectory : 0
        tally.runs += Self.perDirectory
        for run in try state.runs() {
            let kinds = try run.entries().map(\.kind)
            tally.records += kinds.count
            if kinds.isEmpty { tally.stillborn += 1 }
            if kinds.contains(.runResume) { tally.resumed += 1 }
        }
        let names = try Disk.names(in: "\(state.path)/runs", hidden: true)
        tally.stillborn += names.count { StateDirectory.isSetAside($0) || StateDirectory.isBeingMade($0) }
    }

    private func accept(_ state: StateDirectory, _ what: String) throws {
        let report = try state.verdict()
        #expect(report.words.isEmpty, "\(what)")
    }

    private func prune(_ state: StateDirectory, _ tally: inout Tally, _ what: String) throws {
        for run in try state.runs() where try AuditVerifier(state).verify(run).isIntact {
            if try run.outcome().content != nil { try state.export(run) }
        }
        tally.pruned += try state.prune().values.count { $0 == "pruned" }
        try accept(state, "\(what), pruned")
    }
}
