/// What whoever makes a change on this run's behalf needs to know, so that it can refuse one that comes when another run
/// has the module.
public struct Fence: Sendable, Hashable {
    /// The module, such as 11.
    public let module: Int
    /// The fencing number of the module's Lease: greater for each run that takes it than for all before.
    public let number: Int
    /// When every change must have begun, for another run may make changes from then on.
    ///
    /// It is later for changes after the Lease was renewed.
    public let end: ContinuousClock.Instant

    /// Describes a fence; see the properties.
    public init(module: Int, number: Int, end: ContinuousClock.Instant) {
        self.module = module
        self.number = number
        self.end = end
    }
}

/// The clocks of other machines, in seconds, as each told its own.
///
/// Of all readings of a clock, the one counts that puts it least ahead of this machine's: the way of an answer only makes
/// that less, and a later reading that puts it further ahead shows that this machine stood still in between, as one that is
/// paused by what runs it, and its clock with it. So what is computed from it is never later than the truth.
public final class PeerClocks: Sendable {
    private let start = ContinuousClock.now
    private let leads = Locked<[String: Double]>([:])

    /// Knows no clock yet.
    public init() {}

    /// Notes what `peer` has just told; `text` that is no time is left out.
    public func note(_ text: String, of peer: String) {
        // A peer that says "inf" or 1e300 must not end this process.
        guard let reading = Double(text), (0..<1e12).contains(reading) else { return }
        let lead = reading - seconds(until: .now)
        leads.withLock { $0[peer] = min($0[peer] ?? lead, lead) }
    }

    /// What the clock of `peer` will certainly show at `time`, or some less; `nil` where it has told none.
    public func reading(of peer: String, at time: ContinuousClock.Instant) -> Double? {
        leads.withLock { $0[peer] }.map { $0 + seconds(until: time) }
    }

    private func seconds(until time: ContinuousClock.Instant) -> Double {
        let passed = start.duration(to: time).components
        return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    }
}
