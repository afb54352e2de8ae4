import ClientKit
import EmptySite
import Engine
import Foundation
import SplitMix

@testable import StepKit

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
        case .failure(let error as CancellationError): status = .unknown("\(error)")
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
        // The operator's interruption: nobody waits for an answer any more.
        try Task.checkCancellation()
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
        try Task.checkCancellation()
        try state.withLock { state in
            guard state.faults.areAround, state.random.oneIn(40) else { return }
            state.trace.append("  the answer is lost")
            throw trouble(words, "no answer", effect == .change ? .unknownOutcome : .unreachable)
        }
        return value
    }
}

struct SimulatedProvider: SiteProvider {
    let world: World
    let inventory: Inventory

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        try world.reach("connect")
        world.state.withLock { $0.observer = observer }
        let directory = CredentialsDirectory(path: world.credentials)
        let filed = try await runBlocking { try directory.secrets(in: KeptSecret.file) }
        world.state.withLock { state in
            state.secrets = GeneratedSecretsStore(directory: directory, filed: [KeptSecret.file.name: filed]) { _ in }
        }
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

    func failOver(after error: any ExplainedError, mayReturn: Bool) async throws -> Failover? {
        guard error.kind == .unreachable else { return nil }
        let (lost, isReturn) = world.state.withLock { state in
            state.givenUp.insert(state.host)
            let isLast = state.hosts.indices.allSatisfy { !state.hosts[$0] || state.givenUp.contains($0) }
            let isReturn = isLast && mayReturn
            if isReturn { state.givenUp = [] }
            return (state.host, isReturn)
        }
        try choose()
        return Failover("host \(lost) no longer answers", isReturn: isReturn)
    }

    func observeLease(for run: String) async throws -> (lastTurn: LeaseTurn?, isHeld: Bool, isThere: Bool) {
        try await world.send("look at the lease", .read) { state in
            let isOthers = state.turns.last.map { $0.run != run } == true
            return (state.turns.last { $0.run != run }, state.lease != nil && isOthers, !state.turns.isEmpty)
        }
    }

    func takeLease(run: String, step: String?) async throws -> LeaseTaking {
        let taking = try await world.send("take the lease", .change) { state -> LeaseTaking in
            let own = World.Holder.life(state.life)
            let before = state.lease
            // A process that is gone shows only on the machine that it ran on.
            let isForeign = before.map { $0.holder == .rival || state.strangers.contains($0.holder) } ?? false
            if let before, isForeign, before.end > state.now {
                throw trouble("take the lease", "another operator holds it", .busy)
            }
            state.lease = (own, state.now + World.leaseDuration)
            state.number += 1
            let known = state.leaseHead
            state.leaseHead = (run, nil)
            state.turns.append(LeaseTurn(run: run, number: state.number))
            let isTakenOver = before.map { $0.holder != own } ?? false
            return LeaseTaking(
                takenOverFrom: isTakenOver ? "somebody who is gone" : nil, duration: World.leaseDuration,
                number: state.number, runBefore: known?.run, headBefore: known?.head,
                lastTurn: state.turns.last { $0.run != run })
        }
        world.state.withLock { $0.knowsThatItHasTheLease = true }
        return taking
    }

    func renewLease(step: String?, auditHead: String) async throws {
        try await world.send("renew the lease", .change) { state in
            guard state.lease?.holder == .life(state.life) else {
                throw trouble("renew the lease", "another operator holds it", .busy)
            }
            state.lease?.end = state.now + World.leaseDuration
            state.leaseHead?.head = auditHead
        }
    }

    func releaseLease(auditHead: String) async throws {
        try await world.send("release the lease", .change) { state in
            guard state.lease?.holder == .life(state.life) else { return }
            state.lease = nil
            state.leaseHead?.head = auditHead
        }
    }

    func releaseLease(takenFor run: String) async throws {
        try await world.send("release the lease if it is ours", .change) { state in
            guard state.lease?.holder == .life(state.life), state.leaseHead?.run == run else { return }
            state.lease = nil
        }
    }

    func witnesses() async -> [any HeadWitness] { [SimulatedWitness(world: world)] }
    func close() async {}
}

/// A master that keeps heads, as ``HeadFile`` does.
private struct SimulatedWitness: HeadWitness {
    let world: World
    let name = "k8s-master-02"

    func keep(_ line: HeadLine) async throws -> HeadAnswer {
        try await world.send("keep a head", .change) { state in
            let last = state.kept.last { $0.run == line.run }
            if last?.head == line.head { return .kept(place: name) }
            guard last?.head == line.follows else { return .refused(place: name, has: last?.head) }
            state.kept.append(line)
            return .kept(place: name)
        }
    }
}
