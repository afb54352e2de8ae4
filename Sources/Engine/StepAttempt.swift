import ClientKit
import Journal
import StepKit

/// One step's part of a run: its check, and where something is missing its changes and their proof.
struct StepAttempt {
    let step: any Step
    let journal: RunJournal
    let notes: Notes
    /// Where the run carries out a plan: holds the step to that.
    let planGuard: PlanGuard?
    let events: @Sendable (EngineEvent) -> Void
    /// Whether the step is finished already, until its check finds otherwise.
    var hasCheckpoint: Bool
    /// Whether it has begun to change what its check found missing.
    private(set) var hasApplied = false

    /// Check, and where something is missing apply and verify; then the checkpoint.
    mutating func perform(on site: SiteWriter) async throws -> StepResult {
        try Task.checkCancellation()
        if hasCheckpoint, step is any StepOnRequest { return .inPlace }
        let name = step.id.rawValue
        try failpoint("step.begin")
        try await journal.beginStep(name)
        try failpoint("step.check")
        let finding = try await step.check(site.reader)
        try failpoint("step.checked")
        try planGuard?.admit(finding, of: step.id)
        let changes = finding.changes.map(RecordedChange.init)
        try await journal.recordCheck(of: name, inPlace: finding == .inPlace, changes: changes)
        try failpoint("step.decide")
        guard case .drifted(let missing) = finding else {
            await notes.allRecorded()
            try failpoint("step.in-place")
            if !hasCheckpoint { try await journal.finishStep(name, .inPlace) }
            return .inPlace
        }
        if hasCheckpoint {
            let drift = changes.map(\.words).joined(separator: "; ")
            try await journal.withdrawCheckpoint(of: name, because: drift)
            hasCheckpoint = false
            events(.warning("\(name) was finished and is done again: \(drift)"))
        }
        try Task.checkCancellation()
        let count = "\(missing.count) \(missing.count == 1 ? "change" : "changes")"
        events(.stepProgress(step.id, .init("applying \(count)")))
        await site.reader.forgetPrefetch()
        try await site.reader.refuseEarlierRuns()
        try failpoint("step.apply")
        hasApplied = true
        try await step.apply(missing, to: site)
        try failpoint("step.applied")
        events(.stepProgress(step.id, .init("verifying")))
        try await step.verify(site.reader)
        await notes.allRecorded()
        try failpoint("step.verified")
        try await journal.finishStep(name, .applied, changes: changes)
        return .applied(missing)
    }
}
