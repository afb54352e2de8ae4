import ClientKit
import Engine
import Foundation
import Glibc
import Journal
import StepKit
import Steps
import TestSupport
import Testing

/// A folder that is removed with the last reference to it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "engine-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
    }
}

/// What the engine told, in order.
final class EventLog: Sendable {
    private let events = Locked<[EngineEvent]>([])
    private let listener = Locked<(@Sendable (EngineEvent) -> Void)?>(nil)

    func add(_ event: EngineEvent) {
        events.withLock { $0.append(event) }
        listener.withLock { $0 }?(event)
    }

    func listen(_ listener: @escaping @Sendable (EngineEvent) -> Void) { self.listener.withLock { $0 = listener } }

    /// The events in short.
    var lines: [String] {
        events.withLock { events in
            events.map { event in
                switch event {
                case .runBegan(_, let module, let resumed): "run \(module) \(resumed ? "resumed" : "began")"
                case .preflightBegan: "preflight"
                case .preflightPassed: "preflight passed"
                case .stepBegan(let id, let index, let count): "\(id) \(index)/\(count)"
                case .stepProgress(let id, let said): "\(id): \(said.summary)"
                case .stepEnded(let id, .inPlace, _): "\(id) in place"
                case .stepEnded(let id, .applied(let changes), _): "\(id) applied \(changes.count)"
                case .stepFailed(let id, _): "\(id) failed"
                case .warning(let text): "warning: \(text)"
                case .runEnded(let summary): "run ended\(summary.failure == nil ? "" : " badly")"
                }
            }
        }
    }

    var warnings: [String] { lines.filter { $0.hasPrefix("warning: ") }.map { String($0.dropFirst(9)) } }
}

/// A module of three fake steps, a state directory, and everything needed to run it.
struct Bench: Sendable {
    let scratch: Scratch
    let world = World()
    let events = EventLog()
    let redactor = Redactor()
    var state: StateDirectory
    var steps = ["first", "second", "third"]
    /// A further step, after the first, that a run has only when it is asked for.
    var onRequest: String?
    var module = 11
    var inventory: Inventory
    var lease = Duration.seconds(60)
    let clock = StandingClock()
    var lockWait = Duration.zero
    var interruption = Interruption.signal(SIGINT)
    var version = "1.0-test"
    var proofs: Set<String> = []

    init() throws {
        scratch = try Scratch()
        state = try StateDirectory.prepare("\(scratch.path)/state", minimumFree: 1 << 16)
        inventory = try Self.inventory()
    }

    /// The shipped inventory with these changes, and some blanks behind it, which change nothing but its
    /// digest.
    static func inventory(
        blanks: Int = 0, _ changes: [(old: String, new: String)] = []
    ) throws -> Inventory {
        let text = try Shipped.inventoryText(changes)
        return try Inventory.parse(
            Array((text + String(repeating: " ", count: blanks)).utf8), path: "/etc/inventory.json", for: [module11])
    }

    var fakeModule: Module {
        let world = world
        var fakes: [any Step] = steps.map {
            FakeStep(id: StepID($0), isProof: proofs.contains($0), world: world)
        }
        if let onRequest { fakes.insert(FakeStepOnRequest(fake: FakeStep(id: StepID(onRequest), world: world)), at: 1) }
        return Module(
            number: module, summary: "three fakes",
            application: { _ in Application(namespace: "fakes") }, steps: fakes,
            orderNote: "as written",
            preflight: { site in
                world.noteOptions(site.options)
                do {
                    try await world.arrive("preflight")
                } catch {
                    return [StepFailure("look around", cause: "\(error)", remedy: "none")]
                }
                return world.problems
            },
            diagnose: { _ in
                Issue.record("the engine never asks for a diagnosis")
                return []
            },
            evidence: { _ in
                do { try await world.arrive("evidence") } catch { Issue.record("no evidence: \(error)") }
                return world.evidence
            })
    }

    var provider: FakeProvider {
        FakeProvider(
            world: world, module: fakeModule, inventory: inventory, leaseDuration: lease)
    }

    var runner: ModuleRunner {
        let (events, interruption) = (events, interruption)
        return ModuleRunner(
            module: fakeModule, inventory: inventory, redactor: redactor, provider: provider, version: version,
            interruption: { interruption }, events: { events.add($0) }, lockWait: lockWait,
            clock: clock.leaseClock)
    }

    func run(
        _ selection: StepSelection = StepSelection(), plan: ModulePlan.File? = nil, isNew: Bool = false
    ) async throws -> RunSummary {
        try await runner.run(selection, plan: plan, isNew: isNew, in: state)
    }

    func plan(
        options: RunOptions = RunOptions(), warn: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> ModulePlan {
        try await ModulePlan(
            of: fakeModule, options: options, inventory: inventory, version: version, redactor: redactor,
            provider: provider, warn: warn)
    }

    /// A plan as it is now, written to a file and read from it.
    func planFile() async throws -> ModulePlan.File {
        let path = "\(scratch.path)/plan-\(UUID().uuidString).json"
        try await plan().write(to: path)
        return try await ModulePlan.read(from: path, for: fakeModule)
    }

    /// Goes on; a test that calls this expects that there is something to go on with.
    func resume(_ id: RunID? = nil) async throws -> RunSummary {
        try #require(try await runner.resume(id, in: state))
    }

    /// The same world, with the state as it is at this moment: what a process that dies now leaves behind.
    func crashed() throws -> Bench {
        let copy = "\(scratch.path)/crashed-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: state.path, toPath: copy)
        var bench = self
        bench.state = try StateDirectory.prepare(copy, minimumFree: 1 << 16)
        return bench
    }

    /// The newest run.
    func newest() throws -> RunReader { try #require(try state.runs().first) }

    func outcome() throws -> RunOutcome { try #require(try newest().outcome().content) }

    /// The kinds and steps of the newest run's records: `step.start first`.
    func records() throws -> [String] {
        try newest().entries().map { entry in
            [entry.kind.rawValue, entry.step, entry.result].compactMap { $0 }.joined(separator: " ")
        }
    }

    /// The whole checkpoints of the newest run: `first applied`.
    func checkpoints() throws -> [String] {
        try newest().checkpoints().compactMap { step, file in file.content.map { "\(step) \($0.completion.rawValue)" } }
            .sorted()
    }

    /// Expects that no record of any run shows signs of editing.
    func expectIntact(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let runs = try state.runs()
        #expect(!runs.isEmpty, sourceLocation: sourceLocation)
        for run in runs {
            let findings = try AuditVerifier(state).verify(run).findings
            #expect(findings.isEmpty, "\(run.id)", sourceLocation: sourceLocation)
        }
    }

    /// Begins `work`, cancels it as soon as the world was asked for `call`, calls `goOn`, and waits for its end.
    func cancelled<Result: Sendable>(
        at call: String, then goOn: () -> Void = {}, _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let task = Task { try await work() }
        try await eventually("\(call) is reached") { world.count(call) > 0 }
        task.cancel()
        goOn()
        return try await task.value
    }
}

/// A value that one task leaves for another.
final class Box<Value: Sendable>: Sendable {
    private let content = Locked<Value?>(nil)

    var value: Value? {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}

/// Something that a test waited for did not happen.
struct Late: Error {
    let what: String
}

/// Waits until `condition` holds, and throws when it does not within `limit`.
func eventually(
    _ what: String, within limit: Duration = .seconds(600), _ condition: @Sendable () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw Late(what: what) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A failure of the outside world of one kind.
func failure(_ kind: FailureKind, _ cause: String = "it broke") -> StepFailure {
    StepFailure("do it", host: "k8s-master-01", cause: cause, remedy: "mend it", kind: kind)
}

/// Waits far longer than any test may take, unless cancelled.
@Sendable func hang(_ visit: World.Visit) async throws { try await Task.sleep(for: .seconds(3600)) }
