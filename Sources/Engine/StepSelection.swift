import ClientKit
public import StepKit

/// Which of a module's steps a run does: all, or what `--from`, `--until` and `--only` leave.
public struct StepSelection: Sendable {
    /// The first step, if not the module's.
    public var from: StepID?
    /// The last step, if not the module's.
    public var until: StepID?
    /// These and no others, in the module's order; empty for no such limit.
    public var only: [StepID]

    /// Everything, unless limited.
    public init(from: StepID? = nil, until: StepID? = nil, only: [StepID] = []) {
        self.from = from
        self.until = until
        self.only = only
    }

    /// Reads what limited a run from its header; everything where nothing did.
    init(recorded: [String]) {
        func ids(_ option: String) -> [StepID] {
            recorded.filter { $0.hasPrefix("\(option)=") }.map { StepID(String($0.dropFirst(option.count + 1))) }
        }
        self.init(from: ids("from").first, until: ids("until").first, only: ids("only"))
    }

    /// The same for the run's header.
    var record: [String] {
        (from.map { ["from=\($0)"] } ?? []) + (until.map { ["until=\($0)"] } ?? []) + only.map { "only=\($0)" }
    }

    /// The selected steps of `module` in its order, with those that `options` ask for.
    ///
    /// Throws for a name that is none of its steps, and for a selection that leaves out what was asked for.
    public func steps(
        of module: Module, options: RunOptions = RunOptions()
    ) throws -> [any Step] {
        let steps = module.steps(for: options)
        let ids = steps.map(\.id)
        for id in [from, until].compactMap({ $0 }) + only where !ids.contains(id) {
            throw StepFailure(
                "choose the steps of module \(module.number)", cause: "there is no step \(id)",
                remedy: "run `runner steps \(module.number)` to list them", kind: .usage)
        }
        let first = from.flatMap { ids.firstIndex(of: $0) } ?? ids.startIndex
        let last = until.flatMap { ids.firstIndex(of: $0) } ?? ids.endIndex - 1
        guard first <= last else {
            throw StepFailure(
                "choose the steps of module \(module.number)",
                cause: "\(ids[first]) comes after \(ids[last])", remedy: "swap --from and --until", kind: .usage)
        }
        let outside = only.filter { !ids[first...last].contains($0) }
        guard outside.isEmpty || outside.count < only.count else {
            throw StepFailure(
                "choose the steps of module \(module.number)",
                cause: "--from and --until exclude \(outside.map(\.rawValue).joined(separator: ", "))",
                remedy: "use --only alone", kind: .usage)
        }
        let selected = steps[first...last].filter { only.isEmpty || only.contains($0.id) }
        if let left = steps.first(where: { step in
            step is any StepOnRequest && !selected.contains { $0.id == step.id }
        }) {
            throw StepFailure(
                "choose the steps of module \(module.number)",
                cause: "\(left.id) is required by the options, but --from, --until or --only exclude it",
                remedy: "start no later than with \(left.id)", kind: .usage)
        }
        return Array(selected)
    }
}
