import ClientKit
import Engine
import FaultyCalls
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
    enum Holder: Hashable {
        case life(Int)
        case rival
    }

    /// What the operator types.
    enum Command: String {
        case run, new, resume
    }

    /// What a life may meet before its end.
    struct Faults {
        /// The operation with which the process ends.
        var end: Int?
        /// The operation at which the operator presses Ctrl-C.
        var interruption: Int?
        /// The file call that fails with EIO.
        var failing: Int?
        var command = Command.resume
        var lockWait = Duration.zero
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
        /// What time the machine's wall clock shows, in seconds since 1970.
        var wallClock: Int64 = 1_800_000_000 {
            didSet { clock_stands_at(wallClock) }
        }
        /// In the order in which they went to sleep.
        var sleepers: [Sleeper] = []
        var sleeperCount = 0
        var whenRenewed: CheckedContinuation<Void, Never>?
        var observer: (any ActivityObserver)?
        /// What the process knows of the secret.
        var secrets: GeneratedSecretsStore?
        var hosts = [true, true, true]
        var givenUp: Set<Int> = []
        var host = 0
        var lease: (holder: Holder, end: ContinuousClock.Instant)?
        /// The fencing number of the last who took it.
        var number = 0
        /// Whether the process was told that it got it.
        var knowsThatItHasTheLease = false
        /// Those whose machine is not this one.
        var strangers: Set<Holder> = []
        /// What the Lease tells of the run that has it, or had it last.
        var leaseHead: (run: String, head: String?)?
        /// Those who took it, as the Lease tells.
        var turns: [LeaseTurn] = []
        /// The heads that a witness keeps.
        var kept: [HeadLine] = []
        /// How often each object was made, and how often somebody removed it.
        var made: [String: Int] = [:]
        var removed: [String: Int] = [:]
        /// Objects that another operator has made.
        var others: Set<String> = []
        /// The secret that the cluster has.
        var secret: String?
        /// The run that succeeded or failed last.
        var lastRun: String?
        /// Whether an earlier machine, with the record of what was done there, is gone.
        var isElsewhere = false
        /// Ends the process in order.
        var interrupt: (@Sendable () -> Void)?
        /// The steps whose end the operator was told.
        var finished: Set<String> = []
        /// What must never happen, and did.
        var wrongs: [String] = []
        /// All that happened; put out as it comes where `isTold`.
        var trace: [String] = [] {
            didSet { if isTold, let line = trace.last { tell(line) } }
        }
        var isTold = false
    }

    struct Sleeper {
        let number: Int
        let end: ContinuousClock.Instant
        let isRenewal: Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    static let leaseDuration = Duration.seconds(60)
    /// How long a run that waits for the module waits at most before it asks for the lease again.
    static let lockPause = Duration.seconds(2)

    let state: Locked<State>
    /// The folder with the credentials files.
    let credentials: String

    static func objects(of step: StepID) -> [String] { ["\(step).1", "\(step).2"] }

    init(seed: UInt64, root: String) throws {
        let state = State(random: SplitMix64(seed: seed), disk: try SimulatedDisk(root: root))
        self.state = Locked(state)
        credentials = "\(root)/credentials"
    }

    /// Counts an operation; the process may end with it.
    func reach(_ what: String) throws {
        guard count(what) else { throw Ended() }
    }

    private func count(_ what: String) -> Bool {
        let interrupt = state.withLock { state -> (@Sendable () -> Void)? in
            guard state.isRunning, state.operations + 1 == state.faults.interruption else { return nil }
            state.trace.append("  the operator interrupts it")
            return state.interrupt
        }
        interrupt?()
        let (isRunning, waiting) = state.withLock { state -> (Bool, [CheckedContinuation<Void, any Error>]) in
            guard state.isRunning else { return (false, []) }
            state.operations += 1
            state.trace.append("\(state.life).\(state.operations) \(what)")
            guard state.operations == state.faults.end else { return (true, []) }
            state.isRunning = false
            state.trace.append("  the process ends here")
            defer { state.sleepers = [] }
            return (false, state.sleepers.map(\.continuation))
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
        let isTemporary = name.hasPrefix(".") || name.hasSuffix(".tmp")
        let shown =
            name.hasPrefix("simulation-")
            ? "the root"
            : RunID(String(name.prefix { $0 != "." })) != nil ? "RUN" : isTemporary ? "a temporary name" : name
        guard count("\(call) \(shown)") else { return EIO }
        return state.withLock { state in
            // What only writes delays nobody: a note is recorded while the command that passed the gate is sent.
            if call != "write" { state.passTime() }
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
        wallClock += duration.components.seconds
        trace.append("  \(duration.components.seconds) s pass")
        guard let lease, lease.end <= now, random.oneIn(2) else { return }
        self.lease = (.rival, now + World.leaseDuration)
        number += 1
        trace.append("  another operator takes the lease")
        let step = StepID(random.oneIn(2) ? "first" : "third")
        guard random.oneIn(2) else { return }
        if secret == nil, random.oneIn(2) {
            trace.append("  and makes the secret")
            secret = "theirs"
        }
        for object in World.objects(of: step) where made[object, default: 0] == removed[object, default: 0] {
            trace.append("  and makes \(object)")
            made[object, default: 0] += 1
            others.insert(object)
        }
    }

    mutating func takeSleeper(_ isWanted: (World.Sleeper) -> Bool) -> World.Sleeper? {
        sleepers.firstIndex(where: isWanted).map { sleepers.remove(at: $0) }
    }

    /// Once in a while a host goes away, or another one comes back.
    mutating func swizzle() {
        guard faults.areAround, random.oneIn(40) else { return }
        let number = Int.random(in: hosts.indices, using: &random)
        hosts[number].toggle()
        trace.append("  host \(number) \(hosts[number] ? "comes back" : "goes away")")
    }
}
