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
        try Self.newMachine.write(to: root)
        world = try World(seed: seed, root: root)
        self.root = root
        self.inventory = inventory
    }

    /// The disk of a machine that no run has used yet.
    private static let newMachine = SimulatedDisk.Image(folders: ["/credentials"], files: [:])

    /// Lives until a process succeeds, each with the faults that the seed gives; the eighth meets none.
    func run(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed ^ 0x5EED)
        for life in 1...8 {
            var faults = World.Faults()
            if life < 8 {
                faults.areAround = random.oneIn(2)
                let operation = Int.random(in: 1...(random.oneIn(3) ? 60 : 400), using: &random)
                switch Int.random(in: 1...5, using: &random) {
                case 1: faults.failing = operation
                case 2: faults.interruption = operation
                default: faults.end = operation
                }
                faults.command = random.oneIn(4) ? .new : random.oneIn(4) ? .run : .resume
                faults.lockWait = random.oneIn(3) ? .seconds(90) : .zero
            }
            let hasSucceeded = await live(faults)
            let loss: Loss = random.oneIn(3) ? .nothing : random.oneIn(3) ? .all : .some
            try restart(losing: loss, mustBeIntact: hasSucceeded)
            if hasSucceeded { return try judgeEnd() }
            if random.oneIn(12) { try moveElsewhere() }
            world.meddle(&random)
        }
        world.wrong("an undisturbed process does not succeed")
    }

    /// The operator's machine is gone for good, and another one goes on.
    private func moveElsewhere() throws {
        try Self.newMachine.write(to: root)
        let disk = try SimulatedDisk(root: root)
        world.state.withLock { state in
            state.trace.append("  the machine is gone, another one goes on")
            state.disk = disk
            state.strangers.formUnion((1...state.life).map { .life($0) })
            state.finished = []
            state.kept = []
            state.leaseHead = nil
            state.turns = []
            state.isElsewhere = true
        }
    }

    /// Cuts the first process off with an operation, lets the second one go on undisturbed with what the operator types,
    /// and then cuts the power.
    ///
    /// - Returns: Whether it was cut off: whether the run has so many operations.
    func cut(at operation: Int, losing loss: Loss, then command: World.Command) async throws -> Bool {
        var faults = World.Faults()
        faults.end = operation
        let hasSucceeded = await live(faults)
        try restart(losing: loss, mustBeIntact: hasSucceeded)
        if hasSucceeded { return false }
        faults = World.Faults()
        faults.command = command
        if await !live(faults) { world.wrong("an undisturbed process does not succeed") }
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
        let process = Task { try await work(faults) }
        world.state.withLock { $0.interrupt = { process.cancel() } }
        let result = await process.result
        let wasRunning = world.stop()
        faulty_observe("", nil)
        let failure: String? =
            switch result {
            case .success(let summary): summary.failure?.message
            case .failure(let error): "\(error)"
            }
        // The folder and the names of temporary files are others each time.
        let ending = (failure ?? "done").replacing(root, with: "ROOT").replacing(/\.\d+\.tmp/, with: ".tmp")
        if wasRunning { world.state.withLock { $0.trace.append("  the run ended: \(ending)") } }
        judge(result, of: faults, wasRunning: wasRunning, failure: failure)
        return wasRunning && failure == nil
    }

    private func work(_ faults: World.Faults) async throws -> RunSummary {
        let state = try StateDirectory.prepare("\(root)/state", minimumFree: 1 << 16)
        let runner = ModuleRunner(
            module: world.module, inventory: inventory, redactor: Redactor(),
            provider: SimulatedProvider(world: world, inventory: inventory), version: "1.0-simulation",
            interruption: { .signal(SIGINT) }, events: { world.note($0) }, lockWait: faults.lockWait,
            clock: world.clock)
        return try await RunID.$chance.withValue(world.digits) {
            switch faults.command {
            case .new: return try await runner.run(StepSelection(), isNew: true, in: state)
            case .run:
                let unfinished = try state.newestUnfinishedRun(module: "11")
                let outcome = try unfinished?.outcome().content
                do {
                    let summary = try await runner.run(StepSelection(), in: state)
                    let isBeside = unfinished != nil && outcome?.result != .failed
                    if isBeside { world.wrong("run began beside an unfinished run") }
                    return summary
                } catch let error as StepFailure where error.kind == .usage {
                    if unfinished == nil { world.wrong("run was refused beside no unfinished run") }
                }
            case .resume: break
            }
            if let summary = try await runner.resume(nil, in: state) { return summary }
            return try await runner.run(StepSelection(), isNew: true, in: state)
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
            state.wallClock += state.random.oneIn(2) ? 0 : 1
            state.interrupt = nil
            state.knowsThatItHasTheLease = false
            guard faults.isNone else { return }
            // Whatever was in the way is over.
            state.hosts = state.hosts.map { _ in true }
            state.now += Self.leaseDuration * 2
        }
    }

    /// What may happen between two processes: the wall clock is set, somebody removes an object.
    fileprivate func meddle(_ random: inout SplitMix64) {
        state.withLock { state in
            if random.oneIn(5) {
                let days = Int64.random(in: -1_000...1_000, using: &random)
                state.wallClock += days * 86_400
                state.trace.append("  the wall clock is set by \(days) days")
            }
            guard random.oneIn(6), let object = state.made.keys.sorted().randomElement(using: &random),
                state.exists(object)
            else { return }
            state.trace.append("  somebody removes \(object)")
            state.removed[object, default: 0] += 1
            state.finished.remove(String(object.prefix { $0 != "." }))
        }
    }

    /// The last digits of a run's id.
    fileprivate func digits() -> UInt16 { state.withLock { UInt16.random(in: .min ... .max, using: &$0.random) } }

    fileprivate func stop() -> Bool {
        state.withLock { state in
            defer { state.isRunning = false }
            return state.isRunning
        }
    }

    fileprivate func note(_ event: EngineEvent) {
        if case .runEnded(let summary) = event { state.withLock { $0.lastRun = summary.runID } }
        if case .warning(let text) = event, text.contains("for an auditor") { wrong(text) }
        guard case .stepEnded(let step, _, _) = event else { return }
        state.withLock { state in
            guard state.isRunning else { return }
            state.finished.insert(step.rawValue)
            state.trace.append("  \(step) is finished")
        }
    }
}
