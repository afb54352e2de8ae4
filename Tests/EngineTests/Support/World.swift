import ClientKit
import StepKit
import Testing

/// The platform of an engine test: which steps are in place, what was asked of it, and what happens when it is asked.
final class World: Sendable {
    /// One call of a step, or of the site.
    struct Visit: Sendable {
        let world: World
        /// 1 for the first call of its name.
        let number: Int
        /// Where a step says what it waits for; nil for the site's own calls.
        let reporter: Reporter?
    }

    typealias Hook = @Sendable (Visit) async throws -> Void
    typealias GivingUp = @Sendable (any ExplainedError) throws -> String?

    private struct State {
        var calls: [String] = []
        var inPlace: Set<String> = []
        var findings: [String: [Change]] = [:]
        var hooks: [String: Hook] = [:]
        var failover: GivingUp?
        var hostsReturn = false
        var returns: [Bool] = []
        var renewalSteps: [String?] = []
        var options: Set<RunOptions> = []
        var stepOptions: [String: Set<RunOptions>] = [:]
        var takenOverFrom: String?
        var leaseBefore: (run: String, head: String?)?
        var turns: [LeaseTurn] = []
        var isLeaseHeld = false
        var isLeaseThere = true
        var witnesses: [any HeadWitness] = []
        var absent: [AbsentNode] = []
        var problems: [any ExplainedError] = []
        var evidence: [Evidence] = []
        var observer: (any ActivityObserver)?
        var sent: [String] = []
    }

    private let state = Locked(State())

    /// What was called, in order, but for the renewals of the lease, which come when they come.
    var calls: [String] { state.withLock { $0.calls.filter { $0 != "renewLease" } } }
    /// The calls of steps alone.
    var stepCalls: [String] { calls.filter { $0.contains(".") } }
    /// The step that each renewal of the lease told.
    var renewalSteps: [String?] { state.withLock { $0.renewalSteps } }

    func count(_ call: String) -> Int { state.withLock { $0.calls.count { $0 == call } } }

    /// Forgets the calls so far; what is in place stays.
    func forgetCalls() { state.withLock { $0.calls = [] } }

    func isInPlace(_ step: String) -> Bool { state.withLock { $0.inPlace.contains(step) } }
    func settle(_ step: String) { state.withLock { _ = $0.inPlace.insert(step) } }
    func unsettle(_ step: String) { state.withLock { _ = $0.inPlace.remove(step) } }

    /// What `step` finds while it is not in place.
    func finds(_ changes: [Change], in step: String) { state.withLock { $0.findings[step] = changes } }

    func changes(of step: String) -> [Change] {
        state.withLock { $0.findings[step] ?? [Change("mend \(step)", .proved)] }
    }

    /// Does `hook` at each `call`: `second.apply`, `renewLease`, `preflight`.
    func on(_ call: String, _ hook: @escaping Hook) { state.withLock { $0.hooks[call] = hook } }
    /// Forgets what was told; a test whose hooks hold its own bench keeps that alive otherwise.
    func calm() { state.withLock { $0.hooks = [:] } }
    func calm(_ call: String) { state.withLock { $0.hooks[call] = nil } }

    /// Answers the engine's question whether a host can be given up.
    func onFailover(_ failover: @escaping GivingUp) { state.withLock { $0.failover = failover } }

    /// Whether every host that is given up is back at once, where that is allowed.
    var hostsReturn: Bool {
        get { state.withLock { $0.hostsReturn } }
        set { state.withLock { $0.hostsReturn = newValue } }
    }

    /// Of each failover, whether the engine allowed that a host returns.
    var returns: [Bool] {
        get { state.withLock { $0.returns } }
        set { state.withLock { $0.returns = newValue } }
    }

    var takenOverFrom: String? {
        get { state.withLock { $0.takenOverFrom } }
        set { state.withLock { $0.takenOverFrom = newValue } }
    }
    /// The run and head that the lease tells of: that run has had a turn.
    var leaseBefore: (run: String, head: String?)? {
        get { state.withLock { $0.leaseBefore } }
        set {
            state.withLock { $0.leaseBefore = newValue }
            if let newValue { _ = noteTurn(of: newValue.run) }
        }
    }

    /// Whether nobody has deleted the lease.
    var isLeaseThere: Bool {
        get { state.withLock { $0.isLeaseThere } }
        set { state.withLock { $0.isLeaseThere = newValue } }
    }

    /// Whether another run holds the lease at the first look.
    var isLeaseHeld: Bool {
        get { state.withLock { $0.isLeaseHeld } }
        set { state.withLock { $0.isLeaseHeld = newValue } }
    }

    /// Notes that `run` takes the lease; returns the fencing number.
    func noteTurn(of run: String) -> Int {
        state.withLock { state in
            state.turns.append(LeaseTurn(run: run, number: state.turns.count + 1))
            return state.turns.count
        }
    }

    func lastTurn(besides run: String) -> LeaseTurn? { state.withLock { $0.turns.last { $0.run != run } } }

    /// Who keeps heads.
    var witnesses: [any HeadWitness] {
        get { state.withLock { $0.witnesses } }
        set { state.withLock { $0.witnesses = newValue } }
    }
    var absent: [AbsentNode] {
        get { state.withLock { $0.absent } }
        set { state.withLock { $0.absent = newValue } }
    }
    var problems: [any ExplainedError] {
        get { state.withLock { $0.problems } }
        set { state.withLock { $0.problems = newValue } }
    }

    /// What the preflight and the steps were told that was asked of their runs.
    var options: Set<RunOptions> { state.withLock { $0.options } }
    /// What `step` was told.
    func options(of step: String) -> Set<RunOptions> { state.withLock { $0.stepOptions[step] ?? [] } }
    func noteOptions(_ options: RunOptions, of step: StepID? = nil) {
        state.withLock { state in
            state.options.insert(options)
            if let step { state.stepOptions[step.rawValue, default: []].insert(options) }
        }
    }

    /// What shows how things stand.
    var evidence: [Evidence] {
        get { state.withLock { $0.evidence } }
        set { state.withLock { $0.evidence = newValue } }
    }

    /// What everything that is done is told, as the clients of a real site do.
    var observer: (any ActivityObserver)? {
        get { state.withLock { $0.observer } }
        set { state.withLock { $0.observer = newValue } }
    }

    /// Sends a command as a client does: begun, where it may be, and ended.
    ///
    /// Before that it waits for each of `obstructions`, after which `meanwhile` is done.
    func send(
        _ command: String, _ effect: Effect, after obstructions: [Obstruction] = [], meanwhile: () -> Void = {}
    ) async throws {
        guard let observer else { throw Late(what: "a site") }
        let activity = Activity(
            channel: .ssh, host: "k8s-master-01", command: [command], effect: effect)
        try await observer.willBegin(activity)
        for obstruction in obstructions {
            do {
                try await observer.willWait(activity, for: obstruction)
            } catch {
                try await observer.didEnd(
                    activity, ActivityOutcome(status: .refused(code: "lock busy"), duration: .zero))
                throw error
            }
            meanwhile()
        }
        state.withLock { $0.sent.append(command) }
        try await observer.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .zero))
    }

    /// The commands that were sent.
    var sent: [String] { state.withLock { $0.sent } }

    func noteRenewal(at step: String?) { state.withLock { $0.renewalSteps.append(step) } }

    /// Notes the call and does what the test told for it.
    func arrive(_ call: String, _ reporter: Reporter? = nil) async throws {
        let (number, hook) = state.withLock { state in
            state.calls.append(call)
            return (state.calls.count { $0 == call }, state.hooks[call])
        }
        try await hook?(Visit(world: self, number: number, reporter: reporter))
    }

    /// The test's word on a lost host; an engine that gives up hosts in a test that has none fails it.
    func failOver(after error: any ExplainedError) throws -> String? {
        let failover = state.withLock { state in
            if error.kind == .unreachable { state.calls.append("failOver") }
            return state.failover
        }
        if let failover { return try failover(error) }
        if error.kind == .unreachable { Issue.record("nobody said what to do about: \(error)") }
        return nil
    }
}

/// A step that is what its world says.
struct FakeStep: Step {
    let id: StepID
    let summary = "a step of the engine's tests"
    var isProof = false
    let world: World

    func check(_ site: SiteReader) async throws -> Finding {
        world.noteOptions(site.options, of: id)
        try await world.arrive("\(id).check", site.reporter)
        return world.isInPlace(id.rawValue) ? .inPlace : .drifted(world.changes(of: id.rawValue))
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        #expect(changes == world.changes(of: id.rawValue))
        try await world.arrive("\(id).apply", site.reader.reporter)
        world.settle(id.rawValue)
    }

    func verify(_ site: SiteReader) async throws {
        try await world.arrive("\(id).verify", site.reporter)
        guard world.isInPlace(id.rawValue) else {
            throw StepFailure("prove \(id)", cause: "it is not in place", remedy: "mend it")
        }
    }
}

/// The same, when its run asks for a reset.
struct FakeStepOnRequest: StepOnRequest {
    let fake: FakeStep
    var id: StepID { fake.id }
    var summary: String { fake.summary }

    func isRequested(by options: RunOptions) -> Bool { options.resetsDatabase }
    func check(_ site: SiteReader) async throws -> Finding { try await fake.check(site) }
    func apply(_ changes: [Change], to site: SiteWriter) async throws { try await fake.apply(changes, to: site) }
    func verify(_ site: SiteReader) async throws { try await fake.verify(site) }
}
