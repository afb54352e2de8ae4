/// When to send a server a keepalive, and when to count it as dead; has no clock and no socket of its own.
struct Heartbeat: Sendable, Hashable {
    /// What is to be done now.
    enum Action: Sendable, Hashable {
        /// Nothing, until ``Heartbeat/next(isListening:)``.
        case wait
        /// Ask the server.
        case ask
        /// Count the server as dead, which has been silent for this long.
        case giveUp(silentFor: Duration)
    }

    private let interval: Duration
    /// How long a server may be silent.
    let silence: Duration
    /// When something last came from the server.
    private(set) var lastReceived: ContinuousClock.Instant
    private var lastAsked: ContinuousClock.Instant
    /// When the server was first asked since it gave a sign of life.
    private var firstUnanswered: ContinuousClock.Instant?

    /// A server that is silent for `interval` is asked, and after `silence` given up.
    init(interval: Duration, silence: Duration, at now: ContinuousClock.Instant) {
        self.interval = interval
        self.silence = silence
        lastReceived = now
        lastAsked = now
    }

    /// Notes that something came from the server at `time`.
    mutating func noteReceived(at time: ContinuousClock.Instant) {
        lastReceived = max(lastReceived, time)
        if let asked = firstUnanswered, lastReceived >= asked { firstUnanswered = nil }
    }

    /// Notes that the server was asked.
    mutating func noteAsked(at time: ContinuousClock.Instant) {
        lastAsked = time
        firstUnanswered = firstUnanswered ?? time
    }

    /// What to do at `now`; a server whose answers nothing reads (`isListening` false) is never counted as dead.
    func action(at now: ContinuousClock.Instant, isListening: Bool) -> Action {
        if isListening, let giveUpDue, now >= giveUpDue { return .giveUp(silentFor: now - lastReceived) }
        return now >= askDue ? .ask : .wait
    }

    /// When ``action(at:isListening:)`` is next to be asked for.
    func next(isListening: Bool) -> ContinuousClock.Instant {
        isListening ? min(askDue, giveUpDue ?? askDue) : askDue
    }

    private var askDue: ContinuousClock.Instant { max(lastReceived, lastAsked) + interval }

    /// Counts from a question without an answer: a process that was stopped for a while has itself been silent.
    private var giveUpDue: ContinuousClock.Instant? { firstUnanswered.map { $0 + (silence - interval) } }
}
