import CLinux

/// What the kernel knows of its wall clock, by which the times of records are to be judged.
public struct ClockState: Codable, Sendable, Hashable {
    /// Whether something such as chrony keeps the clock in step with others.
    public var isSynchronized: Bool
    /// How far it may be off at most, in milliseconds, as the kernel estimates.
    public var largestErrorMilliseconds: Int

    enum CodingKeys: String, CodingKey {
        case isSynchronized = "synchronized"
        case largestErrorMilliseconds = "largest_error_ms"
    }

    /// Asks the kernel; nil where it does not answer.
    static func current() -> ClockState? {
        var state = timex()
        guard adjtimex(&state) >= 0 else { return nil }
        return ClockState(
            isSynchronized: state.status & STA_UNSYNC == 0, largestErrorMilliseconds: state.maxerror / 1000)
    }
}
