import ClientKit
import Foundation
import Testing

@testable import Journal

/// A state directory with every kind of file a run writes: a run that carried out a plan, failed
/// with evidence, went on, lost a checkpoint, was cut off within a record, went on again and
/// succeeded; and after it one that was cut off.
struct RichState {
    let state: StateDirectory
    let finished: RunReader
    let unfinished: RunReader

    init(in directory: StateDirectory? = nil) async throws {
        state = try directory ?? Scratch().state()
        let redactor = Redactor([Secret("hunter22")])
        let plan = try SealedFile(sealing: ["module": "11"]).bytes
        let first = try await newRun(Self.description(plan: plan), in: state, redactor: redactor)
        try await first.record(.preflight(PreflightResult(absent: ["k8s-worker-03"])))
        try await first.play(activity(["uname", "-r"], for: "look outside a step"), output: ["6.1\n"])
        try await first.playStep(allSteps[0])
        try await first.beginStep(allSteps[1])
        try await first.play(
            activity(["sh", "-c", "echo hunter22"], stdin: "hunter22", effect: .change, redactor: redactor),
            output: ["with hunter22\nhalf"], errors: ["lost"], status: .unknown("the link was lost"))
        try await first.saveEvidence(Array("pod web: CrashLoopBackOff\n".utf8), named: "pods.txt", of: allSteps[1])
        try await first.failStep(allSteps[1], error: "the link was lost")
        try await first.finish(.failed, exitCode: 1, error: "the link was lost", step: allSteps[1])
        finished = first.reader
        let again = try await RunJournal.reopen(finished, in: state, redactor: redactor)
        try await again.journal.withdrawCheckpoint(of: allSteps[0], because: "the rule was removed by hand")
        try await again.journal.beginStep(allSteps[0])
        try await again.journal.record(.warning("k8s-worker-04 does not answer"), durable: true)
        let log = "\(finished.path)/audit.jsonl"
        try overwrite(log, contents(log) + Array("{\"elapsed_ms\":12,\"kind\":\"step.ch".utf8))
        let third = try await RunJournal.reopen(finished, in: state, redactor: redactor)
        for step in allSteps { try await third.journal.playStep(step) }
        try await third.journal.finish(.succeeded, exitCode: 0, counts: ["applied": 3])
        let second = try await newRun(Self.description(plan: nil), in: state, redactor: redactor)
        try await second.playStep(allSteps[0])
        try await second.beginStep(allSteps[1])
        try await second.willBegin(activity(["kubectl", "apply", "-f", "-"], effect: .change))
        unfinished = second.reader
    }

    static func description(plan: [UInt8]?) -> RunDescription {
        RunDescription(
            module: "11", steps: allSteps, runnerVersion: "1.0", arguments: ["runner", "run", "11"],
            inventoryPath: "/etc/inventory.json", inventoryDigest: String(repeating: "0", count: 64), plan: plan)
    }

    /// All files of a run, relative to its directory.
    static func files(of run: RunReader) throws -> [String] { try RunTree(run.path).files.sorted() }
}
