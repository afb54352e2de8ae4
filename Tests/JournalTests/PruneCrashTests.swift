import Foundation
import TestSupport
import Testing

@testable import Journal

/// A prune that is killed at any of its file calls leaves the run or its tombstone, and the next one
/// finishes it.
@Suite(.serialized, .timeLimit(.minutes(30))) struct PruneCrashTests {
    private static let calls = ["write", "fdatasync", "fsync", "rename", "unlink", "mkdir"]

    @Test(arguments: calls, [Fault.kill, .killed])
    func aPruneKilledAtAnyCallLeavesTheRunOrItsTombstone(call: String, fault: Fault) async throws {
        let original = try Scratch().state()
        let runs = [try await original.play(), try await original.play()]
        for run in runs { try original.export(run) }
        _ = try await original.play()
        let undisturbed = try runHelper("prune", on: original.copy().path)
        #expect(undisturbed.finished.lines.count { $0.hasPrefix("pruned") } == 2, "\(undisturbed.finished.lines)")
        let count = undisturbed.calls.count { $0.name == call }
        #expect(count > 0)
        for number in 1...count {
            let state = try original.copy()
            let killed = try runHelper("prune", on: state.path, fault, call: call, number: number).finished
            #expect(killed.wasKilled, "\(call) \(number)")
            try judge(state, "\(call) \(number)", after: killed)
            let again = try runToEnd(helper, ["prune", state.path])
            #expect(again.status == 0, "\(again.lines)")
            try judge(state, "\(call) \(number), again", after: again)
            #expect(try Disk.names(in: "\(state.path)/runs", hidden: true).count == 1, "\(call) \(number)")
            #expect(try AuditVerifier(state).verifyAll().notes == [], "\(call) \(number)")
        }
        survived(
            "a prune \(fault.words)", times: count,
            oracle: "each run or its tombstone is there, and the next prune finishes")
    }

    private func judge(_ state: StateDirectory, _ place: String, after finished: Finished) throws {
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.words == [], "\(place)")
        #expect(report.runs.count + report.pruned.count == 3, "\(place)")
        for line in finished.lines where line.hasPrefix("pruned ") {
            #expect(report.pruned.contains { line == "pruned \($0.run)" }, "\(place)")
        }
    }
}
