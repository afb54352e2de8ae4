/// What whoever makes a change on this run's behalf needs to know, so that it can refuse one that comes when another run
/// has the module.
public struct Fence: Sendable, Hashable {
    /// The module, such as 11.
    public let module: Int
    /// The fencing number of the module's Lease: greater for each run that takes it than for all before.
    public let number: Int
    /// When the request was made that the Lease was last taken or renewed with.
    public let began: ContinuousClock.Instant
    /// When every change must have begun, for another run may make changes from then on.
    ///
    /// It is later for changes after the Lease was renewed.
    public let end: ContinuousClock.Instant

    /// Describes a fence; see the properties.
    public init(
        module: Int, number: Int, began: ContinuousClock.Instant, end: ContinuousClock.Instant
    ) {
        self.module = module
        self.number = number
        self.began = began
        self.end = end
    }

    /// What a change met that came to `place` after the end, for an error.
    public static func tooLate(for place: String) -> String {
        "it came to \(place) too late, as when this machine or the network stands still, and was not begun: another run "
            + "may have taken the module"
    }

    /// What to do where another run may have the module.
    public static let remedy =
        "continue with `runner resume`: if another run has the module, it changes nothing and says which"
}

/// The clocks of other machines, in seconds, as each told its own.
///
/// A later reading that puts a clock further ahead of this machine's shows that this machine stood still in between, as one
/// that is paused by what runs it, and its clock with it. So the reading counts that puts it least ahead, of the last one
/// before a term began and of all since: what is computed from it is never later than the truth, and what happened
/// before the term does not matter. The way of an answer only makes it less. For a peer that was first heard after the
/// term began this is no more than a bound from then on.
public final class PeerClocks: Sendable {
    private struct Reading {
        var heard: ContinuousClock.Instant
        var lead: Double
    }

    private let start = ContinuousClock.now
    private let readings = Locked<[String: [Reading]]>([:])
    private static let kept = 64

    /// Knows no clock yet.
    public init() {}

    /// Notes what `peer` has just told; `text` that is no time is left out.
    public func note(_ text: String, of peer: String, heard: ContinuousClock.Instant = .now) {
        // A peer that says "inf" or 1e300 must not end this process.
        guard let told = Double(text), (0..<1e12).contains(told) else { return }
        let lead = told - seconds(until: heard)
        readings.withLock { all in
            var known = all[peer, default: []]
            known.append(Reading(heard: heard, lead: lead))
            if known.count > Self.kept {
                known[1].lead = min(known[0].lead, known[1].lead)
                known.removeFirst()
            }
            all[peer] = known
        }
    }

    /// What the clock of `peer` will certainly show at the end of the term of `fence`, or some less; `nil` where it has told
    /// none.
    public func end(of fence: Fence, at peer: String) -> Double? {
        let known = readings.withLock { $0[peer] } ?? []
        let first = known.lastIndex { $0.heard <= fence.began } ?? 0
        return known[first...].map(\.lead).min().map { $0 + seconds(until: fence.end) }
    }

    private func seconds(until time: ContinuousClock.Instant) -> Double {
        let passed = start.duration(to: time).components
        return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    }
}
