import ClientKit
import Journal
import StepKit

/// Holds a run to its plan: lets no step begin whose starting point is not what the plan saw.
final class PlanGuard: Sendable {
    private let plan: ModulePlan
    private let redactor: Redactor
    /// The steps that this run has begun to change, in this process or an earlier one.
    private let begun: Locked<Set<StepID>>

    /// Guards `plan`, of which the run has begun to change `begun` before.
    init(_ plan: ModulePlan, begun: Set<StepID> = [], redactor: Redactor) {
        self.plan = plan
        self.redactor = redactor
        self.begun = Locked(begun)
    }

    /// Looks at all `steps` before the first change; throws, naming what moved, where they do not find what the plan says.
    func requireUnmoved(_ steps: [any Step], on site: SiteReader) async throws {
        var moved: [String] = []
        for step in steps {
            let finding = try await step.check(site)
            moved += deviations(finding, of: step.id, before: begun.withLock(\.isEmpty) ? .untouched : .reached)
        }
        try require(moved, remedy: "check what is different, then make a new plan: nothing was changed")
    }

    /// Throws where `step` is about to change what the plan does not say; else the step counts as begun.
    func admit(_ finding: Finding, of step: StepID) throws {
        try require(
            deviations(finding, of: step, before: .reached),
            remedy: "check what is different, then make a new plan: the step was not started")
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
                "carry out \(plan.title)", cause: "the plan is stale:\n  " + moved.joined(separator: "\n  "),
                remedy: remedy)
        }
    }
}
