import ClientKit
import Engine
import Foundation
import Journal
import SplitMix
import StepKit

/// The process has ended: nothing that its last tasks still do has any effect.
struct Ended: Error {}

/// The disk, the clock, the hosts and the cluster of one simulation, and the moment at which each
/// process is cut off.
final class World: Sendable {
    /// Who has the lease: the process of a life, or another operator.
    enum Holder: Equatable {
        case life(Int)
        case rival
    }

    /// What a life may meet before its end.
    struct Faults {
        /// The operation with which the process ends.
        var end: Int?
        /// The file call that fails with EIO.
        var failing: Int?
        /// Hosts that go away, answers that get lost, and time that passes.
        var areAround = false
    }

    struct State {
        var random: SplitMix64
        var disk: SimulatedDisk
        var life = 0
        var faults = Faults()
        var isRunning = false
        var operations = 0
        var now = ContinuousClock.now
        var sleepers: [UUID: Sleeper] = [:]
        var whenRenewed: CheckedContinuation<Void, Never>?
        var observer: (any ActivityObserver)?
        var hosts = [true, true, true]
        var givenUp: Set<Int> = []
        var host = 0
        var lease: (holder: Holder, end: ContinuousClock.Instant)?
        /// How often each object was made.
        var objects: [String: Int] = [:]
        /// The steps whose end the operator was told.
        var finished: Set<String> = []
        /// What must never happen, and did.
        var wrongs: [String] = []
        var trace: [String] = []
    }

    struct Sleeper {
        let end: ContinuousClock.Instant
        let isRenewal: Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    static let leaseDuration = Duration.seconds(60)

    let state: Locked<State>

    init(seed: UInt64, root: String) throws {
        let state = State(random: SplitMix64(seed: seed), disk: try SimulatedDisk(root: root))
        self.state = Locked(state)
    }

    /// Counts an operation; the process may end with it.
    func reach(_ what: String) throws {
        guard count(what) else { throw Ended() }
    }

    private func count(_ what: String) -> Bool {
        let (isRunning, waiting) = state.withLock { state -> (Bool, [CheckedContinuation<Void, any Error>]) in
            guard state.isRunning else { return (false, []) }
            state.operations += 1
            state.trace.append("\(state.life).\(state.operations) \(what)")
            guard state.operations == state.faults.end else { return (true, []) }
            state.isRunning = false
            state.trace.append("  the process ends here")
            defer { state.sleepers = [:] }
            return (false, state.sleepers.values.map(\.continuation))
        }
        for continuation in waiting { continuation.resume(throwing: Ended()) }
        return isRunning
    }

    /// A file call of the process: 0, or the errno with which it fails.
    func fileCall(_ call: String, _ path: String, from: String, isDone: Bool) -> Int32 {
        if isDone {
            state.withLock { if $0.isRunning { $0.disk.note(call, path, from: from) } }
            return 0
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        // What differs from run to run has no place in the trace.
        let shown =
            name.hasPrefix("simulation-")
            ? "the root"
            : RunID(String(name.prefix { $0 != "." })) != nil ? "RUN" : name.hasPrefix(".") ? "a temporary name" : name
        guard count("\(call) \(shown)") else { return EIO }
        return state.withLock { state in
            state.passTime()
            guard state.operations == state.faults.failing else { return 0 }
            state.trace.append("  fails")
            return EIO
        }
    }

    func wrong(_ what: String) {
        state.withLock { $0.wrongs.append("life \($0.life): \(what)") }
    }
}

extension World.State {
    /// Once in a while the process is stopped, or its disk is slow; then another operator may get the lease.
    mutating func passTime() {
        guard faults.areAround, random.oneIn(150) else { return }
        pass(.seconds(Int.random(in: 5...90, using: &random)))
    }

    mutating func pass(_ duration: Duration) {
        now += duration
        trace.append("  \(duration.components.seconds) s pass")
        guard let lease, lease.end <= now, random.oneIn(2) else { return }
        self.lease = (.rival, now + World.leaseDuration)
        trace.append("  another operator takes the lease")
    }

    /// Once in a while a host goes away, or another one comes back.
    mutating func swizzle() {
        guard faults.areAround, random.oneIn(40) else { return }
        let number = Int.random(in: hosts.indices, using: &random)
        hosts[number].toggle()
        trace.append("  host \(number) \(hosts[number] ? "comes back" : "goes away")")
    }
}

/// The clock, on which the lease is renewed when the world says so, and never by itself.
extension World {
    var clock: LeaseClock {
        LeaseClock(now: { self.state.withLock { $0.now } }, sleep: { try await self.sleep(for: $0) })
    }

    private func sleep(for duration: Duration) async throws {
        let id = UUID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isRenewal = duration == Self.leaseDuration / 4
                let (isRunning, waiting) = state.withLock { state in
                    if state.isRunning {
                        state.sleepers[id] = Sleeper(
                            end: state.now + duration, isRenewal: isRenewal, continuation: continuation)
                    }
                    defer { if isRenewal { state.whenRenewed = nil } }
                    return (state.isRunning, isRenewal ? state.whenRenewed : nil)
                }
                waiting?.resume()
                if !isRunning { continuation.resume(throwing: Ended()) }
                if Task.isCancelled { wake(id) }
            }
        } onCancel: {
            wake(id)
        }
    }

    private func wake(_ id: UUID) {
        state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
    }

    /// Lets the lease be renewed, where it is time for that, and waits for the end of it.
    func letRenew() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiting in
                let due = state.withLock { state -> Sleeper? in
                    guard let (id, due) = state.sleepers.first(where: { $1.isRenewal && $1.end <= state.now })
                    else { return nil }
                    state.sleepers[id] = nil
                    state.whenRenewed = waiting
                    return due
                }
                guard let due else { return waiting.resume() }
                due.continuation.resume()
                if Task.isCancelled { stopWaiting() }
            }
        } onCancel: {
            stopWaiting()
        }
    }

    private func stopWaiting() {
        state.withLock { state in
            defer { state.whenRenewed = nil }
            return state.whenRenewed
        }?.resume()
    }
}
