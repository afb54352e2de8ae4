import ClientKit
import EmptySite
import Engine
import Foundation
import SplitMix
import StepKit

/// Why a request brought no answer.
private func trouble(_ what: String, _ cause: String, _ kind: FailureKind) -> StepFailure {
    StepFailure(what, cause: cause, remedy: "run `runner resume`", kind: kind)
}

extension World {
    /// Sends a request to the master in use, as a client does: recorded, sent, and its end recorded.
    func send<Value: Sendable>(
        _ words: String, _ effect: Effect, _ work: (inout State) throws -> Value
    ) async throws -> Value {
        state.withLock { $0.passTime() }
        await letRenew()
        guard let observer = state.withLock({ $0.observer }) else { throw Ended() }
        let activity = Activity(channel: .ssh, host: "k8s-master-01", command: [words], effect: effect)
        try await observer.willBegin(activity)
        let result = Result { try exchange(words, effect, work) }
        let status: ActivityOutcome.Status
        switch result {
        case .success: status = .exited(0)
        case .failure(let error as StepFailure) where error.kind == .busy: status = .refused(code: "busy")
        case .failure(let error as StepFailure): status = .unknown(error.cause)
        case .failure: throw Ended()
        }
        if case .success = result { observer.didReceive(Array("done\n".utf8)[...], from: .stdout, of: activity) }
        try await observer.didEnd(activity, ActivityOutcome(status: status, duration: .zero))
        return try result.get()
    }

    private func exchange<Value>(
        _ words: String, _ effect: Effect, _ work: (inout State) throws -> Value
    ) throws -> Value {
        try reach("send: \(words)")
        let value = try state.withLock { state in
            state.swizzle()
            guard state.hosts[state.host] else { throw trouble(words, "the host is gone", .unreachable) }
            if state.faults.areAround, state.random.oneIn(40) {
                state.trace.append("  the request is lost")
                throw trouble(words, "no answer", effect == .change ? .unknownOutcome : .unreachable)
            }
            return try work(&state)
        }
        try reach("done: \(words)")
        try state.withLock { state in
            guard state.faults.areAround, state.random.oneIn(40) else { return }
            state.trace.append("  the answer is lost")
            throw trouble(words, "no answer", effect == .change ? .unknownOutcome : .unreachable)
        }
        return value
    }

    func has(_ object: String) async throws -> Bool {
        try await send("look for \(object)", .read) { $0.objects[object] != nil }
    }

    func make(_ object: String) async throws {
        try await send("make \(object)", .change) { state in
            if state.lease?.holder != .life(state.life) || state.lease.map({ $0.end <= state.now }) != false {
                state.wrongs.append("\(object) was made without the lease")
            }
            state.objects[object, default: 0] += 1
            if state.objects[object] != 1 { state.wrongs.append("\(object) was made twice") }
        }
    }

    /// Three steps that make two objects each.
    var module: Module {
        Module(
            number: 11, summary: "objects that are counted",
            application: { _ in Application(namespace: "simulated") },
            steps: ["first", "second", "third"].map { CountingStep(id: StepID($0), world: self) },
            orderNote: "as written", preflight: { _ in [] }, diagnose: { _ in [] },
            evidence: { _ in [Evidence("objects.txt", "all of them")] })
    }
}

/// Makes its objects.
private struct CountingStep: Step {
    let id: StepID
    let summary = "two objects"
    let world: World

    private var objects: [String] { ["\(id).1", "\(id).2"] }

    func check(_ site: SiteReader) async throws -> Finding {
        var missing: [Change] = []
        for object in objects where try await !world.has(object) { missing.append(Change("make \(object)", .proved)) }
        return missing.isEmpty ? .inPlace : .drifted(missing)
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        if world.state.withLock({ $0.finished.contains(id.rawValue) }) { world.wrong("\(id) is done again") }
        for object in objects where try await !world.has(object) { try await world.make(object) }
    }

    func verify(_ site: SiteReader) async throws {
        for object in objects where try await !world.has(object) {
            throw StepFailure("prove \(id)", cause: "\(object) is missing", remedy: "report this")
        }
    }
}

struct SimulatedProvider: SiteProvider {
    let world: World
    let inventory: Inventory

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        try world.reach("connect")
        world.state.withLock { $0.observer = observer }
        let site = SimulatedSite(world: world, inventory: inventory)
        try site.choose()
        return site
    }
}

/// The cluster while it is connected.
private struct SimulatedSite: OpenSite {
    let world: World
    let inventory: Inventory

    func site(reporter: Reporter) async -> SiteWriter {
        EmptySite.writer(for: world.module, inventory: inventory, reporter: reporter)
    }

    /// Turns to the first master that is up.
    func choose() throws {
        try world.state.withLock { state in
            let up = state.hosts.indices.first { state.hosts[$0] && !state.givenUp.contains($0) }
            guard let up else { throw trouble("choose a master", "none answers", .noMaster) }
            state.host = up
        }
    }

    func failOver(after error: any ExplainedError) async throws -> String? {
        guard error.kind == .unreachable else { return nil }
        let lost = world.state.withLock { state in
            state.givenUp.insert(state.host)
            return state.host
        }
        try choose()
        return "host \(lost) no longer answers"
    }

    func observeLease() async throws { try await world.send("look at the lease", .read) { _ in } }

    func takeLease(run: String) async throws -> LeaseTaking {
        try await world.send("take the lease", .change) { state in
            let own = World.Holder.life(state.life)
            let before = state.lease
            if let before, before.holder == .rival, before.end > state.now {
                throw trouble("take the lease", "another operator holds it", .busy)
            }
            state.lease = (own, state.now + World.leaseDuration)
            let isTakenOver = before.map { $0.holder != own } ?? false
            return LeaseTaking(
                takenOverFrom: isTakenOver ? "somebody who is gone" : nil, duration: World.leaseDuration)
        }
    }

    func renewLease(step: String?, auditHead: String) async throws {
        try await world.send("renew the lease", .change) { state in
            guard state.lease?.holder == .life(state.life) else {
                throw trouble("renew the lease", "another operator holds it", .busy)
            }
            state.lease?.end = state.now + World.leaseDuration
        }
    }

    func releaseLease(auditHead: String) async throws {
        try await world.send("release the lease", .change) { state in
            if state.lease?.holder == .life(state.life) { state.lease = nil }
        }
    }

    func witnesses() async -> [any HeadWitness] { [] }
    func close() async {}
}
