/// How long a host has been up, as it said itself: a clock that nobody sets.
struct HostClock: Sendable {
    private let uptime: Double
    private let heard = ContinuousClock.now

    /// Takes what the host has just said, as in /proc/uptime; `nil` where it said nothing.
    init?(_ text: String) {
        guard let seconds = Double(text) else { return nil }
        uptime = seconds
    }

    /// How many whole seconds the host will certainly have been up at `time`, or some less.
    ///
    /// What it said is older than when it was heard, and this machine's clock may have stood still since.
    func uptime(at time: ContinuousClock.Instant) -> Int {
        let left = heard.duration(to: time).components
        return Int((uptime + Double(left.seconds) + Double(left.attoseconds) / 1e18).rounded(.down))
    }
}
