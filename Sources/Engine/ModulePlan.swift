public import ClientKit
public import Foundation
public import Journal
public import StepKit

/// What a run of a module would change, found without changing or recording anything.
///
/// Written to a file, it can be carried out later: that and nothing else.
public struct ModulePlan: Sendable, Codable {
    /// One step's part.
    public struct StepPlan: Sendable, Codable {
        /// The step.
        public let step: StepID
        /// What it would change; empty when it is in place.
        public let changes: [Change]
        /// Why a run would stop at it, and what to do about that; `nil` where it would not.
        public let obstacle: String?
    }

    /// What an operator should know.
    public struct Warning: Sendable, Hashable, Codable {
        /// What it is about, where that is one thing.
        public let subject: Change.Subject?
        /// The words, which name what it is about.
        public let text: String

        /// Describes a warning; see the properties.
        public init(subject: Change.Subject?, text: String) {
            self.subject = subject
            self.text = text
        }
    }

    /// The inventory that a plan was made with.
    public struct InventoryFile: Sendable, Codable {
        /// Its path then.
        public let path: String
        /// SHA-256 of its bytes.
        public let sha256: String
    }

    /// The version of the format that this version of `runner` writes and reads: 2, whose changes are values.
    static let format = 2

    /// The version of the format.
    public let format: Int
    /// The module's number.
    public let module: Int
    /// When the plan was made.
    public let time: Date
    /// The version of `runner` that made it.
    public let runner: String
    /// What it was made for.
    public let inventory: InventoryFile
    /// Every step that a run would have, in the module's order.
    public let steps: [StepPlan]
    /// What an operator should know of it, such as what the API server warns of in the dry run; each once.
    public let warnings: [Warning]
    /// What a run would stop at, if there is such a thing; a plan that has it is only for reading.
    public private(set) var failure: (any ExplainedError)?

    private enum CodingKeys: String, CodingKey {
        case format, module, time, runner, inventory, steps, warnings
    }

    /// Reads a plan of this version's ``format``; throws ``UnknownFormat`` for one of another.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        format = try container.decode(Int.self, forKey: .format)
        runner = try container.decode(String.self, forKey: .runner)
        guard format == Self.format else { throw UnknownFormat(format: format, runner: runner) }
        module = try container.decode(Int.self, forKey: .module)
        time = try container.decode(Date.self, forKey: .time)
        inventory = try container.decode(InventoryFile.self, forKey: .inventory)
        steps = try container.decode([StepPlan].self, forKey: .steps)
        warnings = try container.decode([Warning].self, forKey: .warnings)
    }

    /// A plan that another version of `runner` wrote in a format of its own.
    struct UnknownFormat: Error, CustomStringConvertible {
        let format: Int
        let runner: String

        var description: String {
            "it is a plan of format \(format), written by runner \(runner), and this version carries out format "
                + "\(ModulePlan.format) only, whose changes can be compared with the current state"
        }
    }

    /// Whether a run would change nothing.
    public var isEmpty: Bool { steps.allSatisfy(\.changes.isEmpty) }

    /// Checks every step that a run of `module` with `options` would have; no secret that `redactor`
    /// knows is in the plan.
    ///
    /// `warn` gets what an operator should know.
    public init(
        of module: Module, options: RunOptions = RunOptions(), inventory: Inventory, version: String,
        redactor: Redactor, provider: any SiteProvider, warn: @escaping @Sendable (String) -> Void
    ) async throws {
        let said = Locked<[Warning]>([])
        let warned = Once<Reporter.Warning.Subject>()
        let reporter = Reporter(progress: { _ in }) { warning in
            guard warned.isNew(warning.subject) else { return }
            let told = Warning(subject: warning.subject.thing, text: redactor.redact(warning.text))
            said.withLock { $0.append(told) }
            warn(told.text)
        }
        let (plans, failures) = try await provider.withSite(observer: IgnoringObserver()) { open in
            try await Self.read(on: open, options: options, reporter: reporter) { site in
                let problems = try await module.runPreflight(site)
                guard problems.isEmpty else { throw CombinedFailure("run the preflight checks", problems) }
            }
            return try await Self.plans(
                of: module.steps(for: options), on: open, options: options, redactor: redactor, reporter: reporter)
        }
        steps = plans
        failure = failures.isEmpty ? nil : CombinedFailure("plan module \(module.number)", failures)
        warnings = said.withLock { $0 }
        format = Self.format
        self.module = module.number
        time = Date()
        runner = version
        self.inventory = InventoryFile(path: inventory.path, sha256: inventory.digest)
    }

    /// What each of `steps` would change, and the failures of those at which a run would stop.
    private static func plans(
        of steps: [any Step], on open: any OpenSite, options: RunOptions, redactor: Redactor, reporter: Reporter
    ) async throws -> ([StepPlan], [any ExplainedError]) {
        var plans: [StepPlan] = []
        var failures: [any ExplainedError] = []
        for step in steps {
            do {
                let finding = try await read(on: open, options: options, reporter: reporter) { site in
                    try await step.check(site)
                }
                var changes = finding.changes.map { $0.redacted(by: redactor) }
                if step.isProof, changes.isEmpty, plans.contains(where: { !$0.changes.isEmpty }) {
                    changes = [
                        Change("verify again after the changes above: \(step.summary)", .knownAfterApply, .run)
                    ]
                }
                plans.append(StepPlan(step: step.id, changes: changes, obstacle: nil))
            } catch let error as any ExplainedError where [.failed, .badInput].contains(error.kind) {
                // What the other steps would change is worth knowing all the same.
                failures.append(error)
                plans.append(
                    StepPlan(
                        step: step.id, changes: [], obstacle: redactor.redact(error.description)))
            }
        }
        return (plans, failures)
    }

    /// What `reading` finds; where a master is lost meanwhile, through the next one.
    private static func read<Value>(
        on open: any OpenSite, options: RunOptions, reporter: Reporter, _ reading: (SiteReader) async throws -> Value
    ) async throws -> Value {
        try await open.throughMasters(reporter: reporter) { writer in
            try await reading(writer.with(options: options).reader)
        } onFailover: { lost, _ in
            reporter.warns(lost)
        }
    }
}

extension Reporter.Warning.Subject {
    /// The one thing that a warning is about.
    fileprivate var thing: Change.Subject? {
        switch self {
        case .absentNode(let name): .node(name: name)
        case .thing(let subject, words: _): subject
        case .words: nil
        }
    }
}

extension Change {
    /// The change without secrets; what only digests and versions say stays as it is.
    func redacted(by redactor: Redactor) -> Change {
        rewritten(redactor.redact)
    }
}
