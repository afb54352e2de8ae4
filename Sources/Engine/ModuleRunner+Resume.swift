import ClientKit
import Foundation
import Journal
import StepKit

extension ModuleRunner {
    /// The run to go on with: `id`, or the newest unfinished one; `nil` where there is none.
    func unfinishedRun(_ id: RunID?, in state: StateDirectory) async throws -> RunReader? {
        let (name, names) = (moduleName, module.stepNames)
        guard let id else {
            return try await runBlocking { try state.newestUnfinishedRun(module: name, steps: names) }
        }
        let attempt = "resume \(id)"
        guard let run = try await runBlocking({ try state.run(id) }) else {
            throw StepFailure(
                attempt, cause: "there is no such run in \(state.path)",
                remedy: "run `runner status --all` to list them",
                kind: .badInput)
        }
        guard id.module == name else {
            throw StepFailure(
                attempt, cause: "it is a run of module \(id.module), not of module \(name)",
                remedy: "resume a run of module \(name)", kind: .badInput)
        }
        if case .whole(let outcome) = try await runBlocking({ try run.outcome() }), outcome.result == .succeeded {
            throw StepFailure(
                attempt,
                cause: "it succeeded on \(outcome.ended.formatted(.iso8601)), there is nothing to resume",
                remedy: "check for drift with `runner plan \(name)`, or start a new run with "
                    + "`runner run \(name)`",
                kind: .badInput)
        }
        let successes = try await runBlocking { try state.successes(since: run, of: names) }
        guard successes.isEmpty else {
            let (runs, have) = (successes.map(\.description), successes.count == 1 ? "has" : "have")
            throw StepFailure(
                attempt,
                cause: "\(runs.joined(separator: ", ")) \(have) succeeded since, which settles it",
                remedy: "start a new run with `runner run \(name)`, and give it again what only that "
                    + "run was asked for, if it is still wanted",
                kind: .badInput)
        }
        return run
    }

    /// Refuses to go on with a step on request, as the reset of a database, where another run has
    /// finished later steps since: what those put there would be lost.
    func requireNoLaterWork(than run: RunReader, in state: StateDirectory) async throws {
        let header = try await runBlocking { try run.header().content }
        let done = try await runBlocking { try run.checkpoints() }
        let pending = module.steps.firstIndex { step in
            let id = step.id.rawValue
            return step is any StepOnRequest && header?.steps.contains(id) == true
                && done[id]?.content == nil
        }
        guard let pending else { return }
        let later = module.steps[(pending + 1)...].map(\.id.rawValue)
        let name = moduleName
        let other = try await runBlocking {
            try state.runs().first { other in
                guard other.id.module == name, other.id > run.id else { return false }
                let checkpoints = try other.checkpoints()
                return later.contains { checkpoints[$0]?.content != nil }
            }
        }
        guard let other else { return }
        throw refusal(
            toResume: run.id, before: module.steps[pending].id, because: "run \(other.id) has done later steps since")
    }

    /// Why a run that has not finished `step` is not gone on with: by `cause` that would undo another run's work.
    func refusal(toResume run: RunID, before step: StepID, because cause: String) -> StepFailure {
        StepFailure(
            "resume \(run)", cause: "it has not finished \(step), and \(cause), whose work that would undo",
            remedy: "start a new run with `runner run \(moduleName) --new`, and give it again what only "
                + "that run was asked for, if it is still wanted",
            kind: .badInput)
    }

    /// Refuses a new run beside one that was cut off or interrupted; tells of one that failed, whose
    /// remedy may have been this very run.
    func requireNoUnfinishedRun(in state: StateDirectory) async throws {
        guard let run = try await unfinishedRun(nil, in: state) else { return }
        let outcome = try await runBlocking { try run.outcome().content }
        let step = outcome?.step.map { " at step \($0)" } ?? ""
        guard let outcome, outcome.result == .failed else {
            throw StepFailure(
                "start a run of module \(moduleName)",
                cause: "run \(run.id) was \(outcome == nil ? "cut off" : "interrupted")\(step) and is not finished",
                remedy: "continue it with `runner resume`, or give --new to leave it as it is and start another",
                kind: .usage)
        }
        events(
            .warning(
                "run \(run.id) failed\(step) and is not finished; this is another run, and `runner resume \(run.id)` "
                    + "would have continued that one"))
    }

    /// The steps the run was started with, and what has changed since in words; refused where it is
    /// not safe to go on.
    func steps(of run: RunReader) async throws -> (steps: [any Step], changes: [String]) {
        let attempt = "resume \(run.id)"
        guard let header = try await runBlocking({ try run.header() }).content else {
            throw StepFailure(
                attempt, cause: "its run.json is missing or was edited",
                remedy: "start a new run with `runner run \(module.number) --new`", kind: .badInput)
        }
        let changes = try await inventoryChanges(since: header, of: run)
        let known = Dictionary(uniqueKeysWithValues: module.steps.map { ($0.id.rawValue, $0) })
        if let unknown = header.steps.first(where: { known[$0] == nil }) {
            throw StepFailure(
                attempt,
                cause: "runner \(header.runner.version) started it, with a step \(unknown) that this "
                    + "version lacks",
                remedy: "resume it with that version, or start a new run with `runner run \(module.number) --new`",
                kind: .badInput)
        }
        return (module.steps.filter { header.steps.contains($0.id.rawValue) }, changes)
    }

    /// What has changed in the inventory; refused where that names another platform, or where nobody
    /// knows what it was.
    private func inventoryChanges(since header: RunHeader, of run: RunReader) async throws -> [String] {
        guard header.inventory.sha256 != inventory.digest else { return [] }
        let old = try await runBlocking { try run.inventory() }
        let changes = old.flatMap { InventoryChanges(from: $0, to: redactor.redact(cut: inventory.bytes)) }
        let unsafe = header.plan == nil ? changes?.elsewhere : changes?.all
        guard let changes, let unsafe, unsafe.isEmpty else {
            let words = (unsafe ?? []).map(\.summary).joined(separator: ", ")
            throw StepFailure(
                "resume \(run.id)",
                cause: "it was started with the inventory \(header.inventory.path) of SHA-256 "
                    + "\(header.inventory.sha256.prefix(12))…, and \(inventory.path) is now "
                    + "\(inventory.digest.prefix(12))…" + (words.isEmpty ? "" : ": \(words)"),
                remedy: "restore the inventory, or start a new run with "
                    + "`runner run \(module.number) --new`, which skips what is in place",
                kind: .badInput)
        }
        guard !changes.all.isEmpty else { return [] }
        return changes.all.map { "changed in the inventory since the run began: \($0.summary)" }
            + ["finished steps are checked with the new inventory, and done again where they are not in place"]
    }

    /// What has changed in the program since the run began, and since `last` went on with it, in words.
    func programChanges(since reopened: RunJournal.Reopened, and last: RunHeader.Program?) -> [String] {
        let (header, program) = (reopened.header, reopened.program)
        var changes = [program.difference(from: header.runner, which: "started the run")]
        if let last, !last.isSame(as: header.runner) {
            changes.append(program.difference(from: last, which: "went on with the run last"))
        }
        let order = module.steps.map(\.id.rawValue).filter(header.steps.contains)
        if order != header.steps {
            changes.append("its steps have another order now: \(order.joined(separator: ", "))")
        }
        let others = requestedSteps(of: header).filter { !header.steps.contains($0) }
        if !others.isEmpty {
            changes.append(
                "the run does not have the steps \(others.joined(separator: ", ")): "
                    + "`runner run \(module.number)` does them afterwards")
        }
        return changes.compactMap(\.self)
    }

    /// The steps that a run would have now with what was asked of it; none where that is no selection any more, since the
    /// steps that it names have another order.
    private func requestedSteps(of header: RunHeader) -> [String] {
        let recorded = header.options ?? []
        let steps = try? StepSelection(recorded: recorded).steps(of: module, options: RunOptions(recorded: recorded))
        return steps?.map(\.id.rawValue) ?? []
    }

    /// The plan that a run carries out; refused where it is gone.
    func plan(of run: RunReader) async throws -> ModulePlan? {
        let (digest, plan) = try await runBlocking {
            (try run.header().content?.plan, try run.plan(ModulePlan.self))
        }
        guard digest != nil else { return nil }
        func refusal(_ cause: String) -> StepFailure {
            StepFailure(
                "resume \(run.id)", cause: "its plan.json \(cause)",
                remedy: "make a new plan and carry it out with `runner run \(module.number) --new --plan FILE`",
                kind: .badInput)
        }
        switch plan {
        case .whole(let plan): return plan
        case .damaged(let why): throw refusal("cannot be used: \(why)")
        case .missing: throw refusal("is missing")
        }
    }

    /// Tells what was found damaged or without a result.
    func warn(of reopened: RunJournal.Reopened) {
        for text in reopened.journal.warnings { events(.warning(text)) }
        if let torn = reopened.tornTail {
            events(
                .warning(
                    "the end of the audit log was cut off by a crash; its \(torn.bytes) bytes are kept "
                        + "in \(torn.file)"))
        }
        for (step, why) in reopened.damaged.sorted(by: { $0.key < $1.key }) {
            events(.warning("the checkpoint of \(step) is ignored: \(why)"))
        }
        for command in reopened.unknown where command.start.effect == .change {
            let start = command.start
            events(
                .warning(
                    "the outcome of `\(start.purpose ?? start.command.joined(separator: " "))` on "
                        + "\(start.host), sent \(command.time.formatted(.iso8601)), is unknown, and it may still "
                        + "be running there; the step's check decides"))
        }
    }
}

extension RunHeader.Program {
    fileprivate func isSame(as other: RunHeader.Program) -> Bool {
        version == other.version && sha256 == other.sha256
    }

    /// How it is another than `other`, which did something with the run, in words; `nil` where it is the same.
    fileprivate func difference(from other: RunHeader.Program, which did: String) -> String? {
        if isSame(as: other) { return nil }
        guard version == other.version else {
            return "runner \(other.version) \(did), and runner \(version) goes on with it"
        }
        return "another build of runner \(version) \(did) (SHA-256 \(other.sha256.prefix(12))…, "
            + "and this is \(sha256.prefix(12))…)"
    }
}
