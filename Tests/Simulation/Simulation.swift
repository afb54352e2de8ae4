import ClientKit
import Engine
import FaultyCalls
import Foundation
import Glibc
import Journal
import SplitMix
import StepKit

/// A run and what goes on with it, process after process, on one world.
struct Simulation {
    /// What is left of the disk when a process has ended.
    enum Loss: String, CaseIterable {
        /// Nothing is lost: the process was killed, and the machine goes on.
        case nothing
        /// Some of what was not synced: the first few operations on each folder, parts of files.
        case some
        /// All that was not synced.
        case all
    }

    let world: World
    let root: String
    let inventory: Inventory

    init(seed: UInt64, root: String, inventory: Inventory) throws {
        try SimulatedDisk.Image().write(to: root)
        world = try World(seed: seed, root: root)
        self.root = root
        self.inventory = inventory
    }

    /// Lives until a process succeeds, each with the faults that the seed gives; the eighth meets none.
    func run(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed ^ 0x5EED)
        for life in 1...8 {
            var faults = World.Faults()
            if life < 8 {
                faults.areAround = random.oneIn(2)
                let operation = Int.random(in: 1...(random.oneIn(3) ? 60 : 400), using: &random)
                if random.oneIn(5) { faults.failing = operation } else { faults.end = operation }
            }
            let hasSucceeded = await live(faults)
            let loss: Loss = random.oneIn(3) ? .nothing : random.oneIn(3) ? .all : .some
            try restart(losing: loss, mustBeIntact: hasSucceeded)
            if hasSucceeded { return try judgeEnd() }
        }
        world.wrong("an undisturbed process does not succeed")
    }

    /// Cuts the first process off with an operation, and lets the second one go on undisturbed.
    ///
    /// - Returns: Whether it was cut off: whether the run has so many operations.
    func cut(at operation: Int, losing loss: Loss) async throws -> Bool {
        var faults = World.Faults()
        faults.end = operation
        let hasSucceeded = await live(faults)
        try restart(losing: loss, mustBeIntact: hasSucceeded)
        if hasSucceeded { return false }
        if await !live(World.Faults()) { world.wrong("an undisturbed process does not succeed") }
        try restart(losing: .all, mustBeIntact: true)
        try judgeEnd()
        return true
    }

    /// One process, from its start to its end; whether it succeeded.
    private func live(_ faults: World.Faults) async -> Bool {
        world.begin(faults)
        current.withLock { $0 = world }
        faulty_observe(root) { call, path, from, isDone in
            guard let call, let path, let from, let world = current.withLock({ $0 }) else { return 0 }
            return world.fileCall(
                String(cString: call), String(cString: path), from: String(cString: from), isDone: isDone != 0)
        }
        let result: Result<RunSummary, any Error>
        do { result = .success(try await work()) } catch { result = .failure(error) }
        let wasRunning = world.stop()
        faulty_observe("", nil)
        let failure: String? =
            switch result {
            case .success(let summary): summary.failure?.message
            case .failure(let error): "\(error)"
            }
        if wasRunning { world.state.withLock { $0.trace.append("  the run ended: \(failure ?? "done")") } }
        let isUndisturbed = faults.end == nil && faults.failing == nil && !faults.areAround
        if isUndisturbed, let failure { world.wrong("an undisturbed process failed: \(failure)") }
        return wasRunning && failure == nil
    }

    private func work() async throws -> RunSummary {
        let state = try StateDirectory.prepare("\(root)/state", minimumFree: 1 << 16)
        let runner = ModuleRunner(
            module: world.module, inventory: inventory, redactor: Redactor(),
            provider: SimulatedProvider(world: world, inventory: inventory), version: "1.0-simulation",
            interruption: { .signal(SIGINT) }, events: { world.note($0) }, clock: world.clock)
        // Each priority has a thread of its own, and a seed would not always give the same.
        return try await LeaseRenewal.$priority.withValue(nil) {
            if let summary = try await runner.resume(nil, in: state) { return summary }
            return try await runner.run(StepSelection(), isNew: true, in: state)
        }
    }

    /// Leaves on the disk what `loss` spares, and proves that the record is intact.
    ///
    /// - Parameter mustBeIntact: Whether the run has succeeded. Until then a power cut may have left the
    ///   last record unfinished, which is told and set aside when the run goes on.
    private func restart(losing loss: Loss, mustBeIntact: Bool) throws {
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
            let report = try AuditVerifier(StateDirectory.reading("\(root)/state")).verifyAll()
            let findings = report.findings + report.runs.flatMap(\.findings)
            for finding in findings where mustBeIntact || !Self.isTornTail(finding) {
                world.wrong("audit verify: \(finding)")
            }
        } catch {
            world.wrong("audit verify: \(error)")
        }
    }

    private static func isTornTail(_ finding: AuditFinding) -> Bool {
        finding.file == "audit.jsonl" && finding.line != nil && finding.isGap
    }

    /// Compares the end with that of an undisturbed run.
    private func judgeEnd() throws {
        let (objects, finished) = world.state.withLock { ($0.objects, $0.finished) }
        let steps = ["first", "second", "third"]
        let wanted = steps.flatMap { ["\($0).1", "\($0).2"] }
        if objects.keys.sorted() != wanted { world.wrong("the objects are \(objects.keys.sorted())") }
        let state = StateDirectory.reading("\(root)/state")
        guard let run = try state.newestRun(), try run.outcome().content?.result == .succeeded else {
            return world.wrong("the newest run has not succeeded")
        }
        for step in finished where try run.checkpoints()[step]?.content == nil {
            world.wrong("\(step) was finished and has no checkpoint")
        }
        var entries: [AuditEntry] = []
        for run in try state.runs() {
            let own = try run.entries()
            for step in steps where own.count(where: { $0.kind == .checkpoint && $0.step == step }) > 1 {
                world.wrong("\(step) has more than one checkpoint in the record of a run")
            }
            entries += own
        }
        let sent = entries.compactMap { entry -> [String]? in
            if case .commandStart(let start) = entry.content { start.command } else { nil }
        }
        for object in wanted where !sent.contains(["make \(object)"]) {
            world.wrong("\(object) was made, and no record says so")
        }
    }
}

/// The world that the file calls of this process are those of.
private let current = Locked<World?>(nil)

extension World {
    fileprivate func begin(_ faults: Faults) {
        state.withLock { state in
            state.life += 1
            state.faults = faults
            state.operations = 0
            state.observer = nil
            state.givenUp = []
            state.isRunning = true
            guard !faults.areAround, faults.end == nil, faults.failing == nil else { return }
            // Whatever was in the way is over.
            state.hosts = state.hosts.map { _ in true }
            state.now += Self.leaseDuration * 2
        }
    }

    fileprivate func stop() -> Bool {
        state.withLock { state in
            defer { state.isRunning = false }
            return state.isRunning
        }
    }

    fileprivate func note(_ event: EngineEvent) {
        guard case .stepEnded(let step, _, _) = event else { return }
        state.withLock { state in
            guard state.isRunning else { return }
            state.finished.insert(step.rawValue)
            state.trace.append("  \(step) is finished")
        }
    }
}
