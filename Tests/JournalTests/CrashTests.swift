import ClientKit
import Foundation
import TestSupport
import Testing

@testable import Journal

/// What a helper process said before it ended.
private struct Promises {
    var run: RunID?
    var heads: [AuditHead] = []
    var steps: [String] = []
    var isDone = false

    init(_ lines: [String]) {
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            switch words.first {
            case "run": run = RunID(words[1])
            case "head": heads += [AuditHead(words[1])].compactMap(\.self)
            case "step": steps.append(words[1])
            case "done": isDone = true
            default: break
            }
        }
    }
}

/// Runs the helper with each of its file calls hit in turn, counted over the whole process; after
/// each, all that was promised must hold, and a second run must end well without doing finished steps
/// again.
@Suite(.serialized) struct CrashTests {
    private static let calls = [
        "write", "fdatasync", "fsync", "link", "unlink", "rename", "ftruncate", "mkdir", "fallocate",
    ]

    @Test(arguments: calls, [Fault.kill, .killed])
    func aRunKilledAtAnyCallKeepsWhatItPromisedAndGoesOn(call: String, fault: Fault) throws {
        try sweep(call, fault)
    }

    @Test(arguments: ["fsync", "fdatasync"]) func aFailedSyncStopsTheRunAndIsNeverTriedAgain(call: String) throws {
        try sweep(call, .inputOutputError) { finished, calls in
            #expect(finished.lines.contains { $0.contains("EIO") })
            let failed = try #require(calls.firstIndex { $0.isHit })
            let file = calls[failed].file
            let later = calls[(failed + 1)...].filter { ["fsync", "fdatasync"].contains($0.name) }
            #expect(!later.contains { $0.file == file && file != "/runs" }, "\(file)")
        }
    }

    @Test func aDiskThatIsFullAtAnyWriteStopsTheRun() throws {
        try sweep("write", .noSpace)
    }

    @Test func aWriteOfWhichTheSystemTakesAPartIsGoneOnWith() throws {
        let place = try Scratch()
        let whole = try runHelper(on: "\(place.path)/state").calls.filter { $0.name == "write" }
        for number in 1...whole.count {
            let scratch = try Scratch()
            let (finished, calls) = try runHelper(
                on: "\(scratch.path)/state", .short, call: "write", number: number)
            #expect(finished.status == 0 && Promises(finished.lines).isDone, "write \(number)")
            #expect(calls.contains { $0.isHit }, "write \(number)")
            try judge(Promises(finished.lines), StateDirectory.reading("\(scratch.path)/state"), "write \(number)")
        }
        survived(Fault.short.words, times: whole.count, oracle: "the run ends well, and its record is intact")
    }

    private func sweep(
        _ call: String, _ fault: Fault, check: (Finished, [FileCall]) throws -> Void = { _, _ in }
    ) throws {
        let place = try Scratch()
        let undisturbed = try runHelper(on: "\(place.path)/state")
        #expect(Promises(undisturbed.finished.lines).isDone)
        let all = undisturbed.calls.filter { $0.name == call }
        #expect(all.map(\.number) == Array(1...all.count), "\(call) is counted over the whole process")
        var hit: [String] = []
        for number in 1...all.count {
            let scratch = try Scratch()
            let state = "\(scratch.path)/state"
            let (first, calls) = try runHelper(on: state, fault, call: call, number: number)
            let promised = Promises(first.lines)
            hit += calls.filter(\.isHit).map(\.place)
            if fault == .kill || fault == .killed {
                #expect(first.wasKilled, "\(call) \(number)")
            } else if first.status == 1 {
                try check(first, calls)
            }
            try judge(promised, StateDirectory.reading(state), "\(call) \(number)")
            let second = try runToEnd(helper, ["run", state])
            #expect(second.status == 0, "\(call) \(number): \(second.lines)")
            let again = Promises(second.lines)
            #expect(again.isDone)
            // A run whose outcome was in place already is followed by a new one.
            if again.run == promised.run { #expect(Set(again.steps).isDisjoint(with: promised.steps)) }
            try judge(again, StateDirectory.reading(state), "\(call) \(number), resumed")
        }
        // Every call of an undisturbed run was hit, and each of them once.
        #expect(hit == all.map(\.place))
        survived(
            fault.words, times: all.count,
            oracle: "what was promised is there, finished steps are not repeated, the record is intact")
    }

    private func judge(_ promised: Promises, _ state: StateDirectory, _ place: String) throws {
        for run in try state.runs() {
            if case .missing = try run.header() { continue }
            let report = try AuditVerifier(state).verify(run)
            #expect(report.findings.map(\.description) == [], "\(place)")
        }
        guard let id = promised.run else { return }
        let run = try #require(try state.run(id))
        let chain = try run.records()
        var heads: [AuditHead] = []
        while let record = try chain.next() { heads.append(record.head) }
        for head in promised.heads { #expect(heads.contains(head), "\(place)") }
        for step in promised.steps {
            #expect(try run.checkpoint(of: step).content?.completion == .applied, "\(place)")
        }
        for (step, file) in try run.checkpoints() { #expect(file.content != nil, "\(place): \(step)") }
    }
}
