import ClientKit
import Engine
import Foundation
import Journal

@testable import StepKit

/// What must hold, whatever was cut off.
extension Simulation {
    /// Judges how a process ended.
    func judge(
        _ result: Result<RunSummary, any Error>, of faults: World.Faults, wasRunning: Bool, failure: String?
    ) {
        if faults.isNone, let failure { world.wrong("an undisturbed process failed: \(failure)") }
        guard wasRunning, faults.failing == nil, !faults.areAround else { return }
        // It ended in order, and could do all that it wanted.
        let isHeld = world.state.withLock { $0.knowsThatItHasTheLease && $0.lease?.holder == .life($0.life) }
        if isHeld { world.wrong("the lease was not released") }
        guard case .success(let summary) = result else { return }
        do {
            let state = StateDirectory.reading("\(root)/state")
            guard let run = try RunID(summary.runID).flatMap(state.run) else { return world.wrong("the run is gone") }
            let outcome = try run.outcome().content?.result
            let possible: [RunResult] =
                switch summary.failure {
                case nil: [.succeeded]
                case .interrupted: [.interrupted]
                default: [.failed, .refused]
                }
            if !possible.contains(where: { $0 == outcome }) { world.wrong("the outcome is \(outcome as Any)") }
            for (step, file) in try run.checkpoints() where file.content?.completion == .applied && step != "second" {
                guard !summary.notes.contains("how to undo \(step)") else { continue }
                world.wrong("the note of \(step) was not told")
            }
        } catch {
            world.wrong("\(error)")
        }
    }

    /// Leaves on the disk what `loss` spares, and proves that the record is intact.
    ///
    /// - Parameter mustBeIntact: Whether the run has succeeded. Until then a power cut may have left the
    ///   last record unfinished, which is told and set aside when the run goes on.
    func restart(losing loss: Loss, mustBeIntact: Bool) throws {
        world.state.withLock { $0.trace.append("  lost is \(loss)") }
        // What a killed process has not synced may still be lost by a later power cut.
        if loss != .nothing {
            let image = world.state.withLock { state in
                state.disk.afterPowerCut(&state.random, losesAll: loss == .all)
            }
            try image.write(to: root)
            let disk = try SimulatedDisk(root: root)
            world.state.withLock { $0.disk = disk }
        }
        do {
            let state = StateDirectory.reading("\(root)/state")
            let report = try AuditVerifier(state).verifyAll(against: world.heads(of: state))
            try judgeCheckpoints(state)
            let last = world.state.withLock { $0.lastRun }
            for finding in report.findings { world.wrong("audit verify: \(finding)") }
            for run in report.runs {
                let mayBeTorn = !mustBeIntact || run.run.description != last
                for finding in run.findings where !(mayBeTorn && Self.isTornTail(finding)) {
                    world.wrong("audit verify: \(finding)")
                }
            }
        } catch {
            world.wrong("audit verify: \(error)")
        }
    }

    private static func isTornTail(_ finding: AuditFinding) -> Bool {
        finding.file == "audit.jsonl" && finding.line != nil && finding.isGap
    }

    /// Compares the end with that of an undisturbed run.
    func judgeEnd() throws {
        let (objects, finished) = world.state.withLock { state in
            (state.made.keys.filter(state.exists).sorted(), state.finished)
        }
        let steps = ["first", "second", "third"]
        let wanted = ["first", "third"].flatMap { World.objects(of: StepID($0)) }
        if objects != wanted { world.wrong("the objects are \(objects)") }
        let state = StateDirectory.reading("\(root)/state")
        guard let run = try world.state.withLock({ $0.lastRun }).flatMap(RunID.init).flatMap(state.run),
            try run.outcome().content?.result == .succeeded
        else { return world.wrong("the run has not succeeded") }
        for step in finished where try run.checkpoints()[step]?.content == nil {
            world.wrong("\(step) was finished and has no checkpoint")
        }
        var entries: [AuditEntry] = []
        var isRecordWhole = world.state.withLock { !$0.isElsewhere }
        for other in try state.runs() {
            guard let own = try records(of: other, isLast: other.id == run.id) else {
                isRecordWhole = false
                continue
            }
            for step in steps {
                let count = own.count { $0.kind == .checkpoint && $0.step == step }
                let withdrawn = own.count { $0.kind == .checkpointWithdrawn && $0.step == step }
                if count > withdrawn + 1 { world.wrong("\(step) has more than one checkpoint in the record of a run") }
            }
            entries += own
        }
        let sent = entries.compactMap { entry -> [String]? in
            if case .commandStart(let start) = entry.content { start.command } else { nil }
        }
        let (others, secret) = world.state.withLock { ($0.others, $0.secret) }
        for object in wanted where isRecordWhole && !others.contains(object) && !sent.contains(["make \(object)"]) {
            world.wrong("\(object) was made, and no record says so")
        }
        let filed = try CredentialsDirectory(path: world.credentials).secrets(in: KeptSecret.file)
        if filed.values.map({ $0.reveal() }) != [secret] { world.wrong("the credentials file has another secret") }
    }

    /// The records of a run; nil of one that was cut off, and left as it was when another was started beside it.
    private func records(of run: RunReader, isLast: Bool) throws -> [AuditEntry]? {
        do {
            return try run.entries()
        } catch {
            if isLast { throw error }
            return nil
        }
    }

    /// A checkpoint that is there is one of a step that was done.
    private func judgeCheckpoints(_ state: StateDirectory) throws {
        let (made, secret) = world.state.withLock { ($0.made, $0.secret) }
        for run in try state.runs() {
            for (step, file) in try run.checkpoints() where file.content != nil {
                let isDone =
                    step == "second" ? secret != nil : World.objects(of: StepID(step)).allSatisfy { made[$0] != nil }
                if !isDone { world.wrong("\(step) has a checkpoint and was not done") }
            }
        }
    }
}

extension World.Faults {
    var isNone: Bool { end == nil && failing == nil && interruption == nil && !areAround }
}

extension World {
    /// What is known of the record outside the disk.
    func heads(of directory: StateDirectory) -> [WitnessedHead] {
        state.withLock { state in
            let kept = state.kept.map { ("k8s-master-02", $0.run, $0.head) }
            let onLease = state.leaseHead.flatMap { known in known.head.map { ("the Lease", known.run, $0) } }
            return (kept + [onLease].compactMap(\.self)).compactMap {
                WitnessedHead(witness: $0.0, run: $0.1, head: $0.2, origin: directory.label)
            }
        }
    }
}
