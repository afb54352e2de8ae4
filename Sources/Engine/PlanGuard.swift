import ClientKit
import Journal
import StepKit
import Synchronization

/// Holds a run to its plan: lets no step begin whose starting point is not what the plan saw.
final class PlanGuard: Sendable {
    private let plan: ModulePlan
    private let redactor: Redactor
    /// The steps that this run has begun to change, in this process or an earlier one.
    private let begun: Mutex<Set<StepID>>

    /// Guards `plan`, of which the run has begun to change `begun` before.
    init(_ plan: ModulePlan, begun: Set<StepID> = [], redactor: Redactor) {
        self.plan = plan
        self.redactor = redactor
        self.begun = Mutex(begun)
    }

    /// Looks at all `steps` before the first change; throws, naming what moved, where they do not find what the plan says.
    func requireUnmoved(_ steps: [any Step], _ site: SiteReader) async throws {
        var moved: [String] = []
        for step in steps {
            let finding = try await step.check(site)
            moved += deviations(finding, of: step.id, before: begun.withLock(\.isEmpty) ? .untouched : .reached)
        }
        try require(moved, remedy: "nothing was changed; look at what moved, make a new plan, and carry out that")
    }

    /// Throws where `step` is about to change what the plan does not say; else the step counts as begun.
    func admit(_ finding: Finding, of step: StepID) throws {
        try require(
            deviations(finding, of: step, before: .reached),
            remedy: "the step was not begun; look at what moved, make a new plan, and carry out that")
        if finding != .inPlace { begun.withLock { _ = $0.insert(step) } }
    }

    private func deviations(
        _ finding: Finding, of step: StepID, before stage: PlanComparison.Stage
    ) -> [String] {
        let stage = begun.withLock { $0.contains(step) } ? .begun : stage
        let planned = plan.steps.first { $0.step == step }?.changes ?? []
        let found = finding.changes.map { $0.redacted(by: redactor) }
        return PlanComparison(planned: planned, found: found).deviations(at: stage).map { "\(step): \($0)" }
    }

    private func require(_ moved: [String], remedy: String) throws {
        guard moved.isEmpty else {
            throw StepFailure(
                "carry out \(plan.words)", cause: "since then something moved:\n  " + moved.joined(separator: "\n  "),
                remedy: remedy)
        }
    }
}

extension Execution {
    /// Where the run carries out a plan: compares what all steps find with it, before the first of them.
    func requireUnmoved(_ open: any OpenSite) async throws {
        guard let planGuard else { return }
        let silent = Reporter(progress: { _ in }, warning: { _ in })
        while true {
            do {
                try await planGuard.requireUnmoved(steps, site(open, silent).reader)
                try await journal.record(.planComparison, result: "unmoved")
                return
            } catch let error as any ExplainedError {
                guard !Task.isCancelled, let words = try await open.failOver(after: error) else { throw error }
                runner.events(.warning(words))
                try await journal.record(.warning, text: words)
            }
        }
    }
}
