import ClientKit
public import StepKit

/// What a run of a module would change, found without changing or recording anything.
public struct ModulePlan: Sendable, Encodable {
    /// One step's part.
    public struct StepPlan: Sendable, Encodable {
        /// The step.
        public let step: StepID
        /// What it would change; empty when it is in place.
        public let changes: [Change]
    }

    /// Every step of the module, in its order.
    public let steps: [StepPlan]

    /// Whether a run would change nothing.
    public var isEmpty: Bool { steps.allSatisfy(\.changes.isEmpty) }

    /// Looks at every step of `module`; `warn` is told what an operator should know.
    public init(
        _ module: Module, provider: any SiteProvider, warn: @escaping @Sendable (String) -> Void
    ) async throws {
        let open = try await provider.open(observer: IgnoringObserver())
        do {
            let reporter = Reporter(progress: { _ in }, warning: warn)
            let site = try await Self.ready(module, open, reporter)
            var plans: [StepPlan] = []
            for step in module.steps {
                plans.append(StepPlan(step: step.id, changes: try await step.check(site).changes))
            }
            steps = plans
        } catch {
            await open.close()
            throw error
        }
        await open.close()
    }

    /// The platform once everything needed is there; where a master is lost meanwhile, through the next one.
    private static func ready(_ module: Module, _ open: any OpenSite, _ reporter: Reporter) async throws -> ReadableSite
    {
        while true {
            let site = try await open.site(reporter: reporter).reading
            do {
                let problems = try await module.lookAround(site)
                guard problems.isEmpty else {
                    throw CombinedFailure(
                        "look whether everything that module \(module.number) needs is there", problems)
                }
                return site
            } catch let error as any ExplainedError {
                guard let words = try await open.giveUp(after: error) else { throw error }
                reporter.warns(words)
            }
        }
    }
}
