import ClientKit
import Foundation
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

/// Runs the helper with every system call of some kinds hit in turn, until it no longer is; after
/// each, all that was promised must hold, and a second run must end well without doing finished
/// steps again.
@Suite(.serialized, .enabled(if: canTrace)) struct CrashTests {
    @Test(arguments: ["write", "fdatasync", "fsync", "link", "unlink", "ftruncate", "mkdir", "fallocate"])
    func aRunKilledAtAnyCallKeepsWhatItPromisedAndGoesOn(call: String) throws {
        try sweep(call, "signal=KILL")
    }

    @Test(arguments: ["fsync", "fdatasync"]) func aFailedSyncStopsTheRunAndIsNeverTriedAgain(call: String) throws {
        try sweep(call, "error=EIO") { scratch, finished in
            #expect(finished.lines.contains { $0.contains("EIO") })
            let log = String(decoding: try contents("\(scratch.path)/trace"), as: UTF8.self)
            let calls = log.split(separator: "\n").map(String.init)
            let failed = try #require(calls.firstIndex { $0.contains("INJECTED") })
            let file = try #require(calls[failed].firstMatch(of: /<(.*)>/)?.output.1)
            #expect(!calls[(failed + 1)...].contains { $0.contains("<\(file)>") && !file.hasSuffix("/runs") })
        }
    }

    @Test func aDiskThatIsFullAtAnyWriteStopsTheRun() throws {
        try sweep("write", "error=ENOSPC")
    }

    private func sweep(
        _ call: String, _ fault: String, check: (Scratch, Finished) throws -> Void = { _, _ in }
    ) throws {
        for number in 1...200 {
            let scratch = try Scratch()
            let state = "\(scratch.path)/state"
            let trace = ["-f", "-y", "-qq", "-e", "trace=\(call)", "-e", "inject=\(call):\(fault):when=\(number)"]
            let first = try runToEnd(
                "/usr/bin/strace", trace + ["-o", "\(scratch.path)/trace", helper, "run", state])
            let promised = Promises(first.lines)
            let log = String(decoding: try contents("\(scratch.path)/trace"), as: UTF8.self)
            let isHit = log.contains("INJECTED") || log.contains("killed by SIGKILL")
            if !isHit {
                #expect(promised.isDone, "\(call) \(number): \(first.lines)")
                #expect(number > 1, "\(call) was never made")
                return
            }
            if fault.hasPrefix("error"), first.status == 1 { try check(scratch, first) }
            try judge(promised, StateDirectory.reading(state), "\(call) \(number)")
            let second = try runToEnd(helper, ["run", state])
            #expect(second.status == 0, "\(call) \(number): \(second.lines)")
            let again = Promises(second.lines)
            #expect(again.isDone)
            // A run whose outcome was in place already is followed by a new one.
            if again.run == promised.run { #expect(Set(again.steps).isDisjoint(with: promised.steps)) }
            try judge(again, StateDirectory.reading(state), "\(call) \(number), resumed")
        }
        Issue.record("\(call) was hit 200 times")
    }

    private func judge(_ promised: Promises, _ state: StateDirectory, _ place: String) throws {
        for run in try state.runs() {
            if case .missing = try run.header() { continue }
            let report = try AuditVerifier(state).verify(run)
            #expect(report.findings.map(\.description) == [], "\(place)")
        }
        guard let id = promised.run else { return }
        let run = try #require(state.run(id))
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
