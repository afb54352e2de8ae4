import ClientKit

/// How many logins may be under way at once, over all hosts that share it.
///
/// A login holds a place from the first byte of its server until it is done: agreeing on keys and starting
/// a shell cost processor time here, and often on one and the same machine there. Before that, as many are being
/// connected to; a server that says nothing for a second lets the next begin, so that silent hosts delay nobody.
public final class LoginWindow: Sendable {
    /// The place of one login, held or not; used by one task.
    final class Place {
        private let window: LoginWindow
        private var isHeld = false

        fileprivate init(in window: LoginWindow) { self.window = window }

        /// Waits until `destination` may be connected to; throws where the task is cancelled first.
        func awaitStart(
            of destination: SSHDestination, on loop: EventLoop, isolation: isolated any Actor
        ) async throws(SSHError) {
            do {
                try await window.begin(ObjectIdentifier(self), on: loop, isolation: isolation)
            } catch {
                throw destination.linkError(error, in: .connect, attempt: "connect")
            }
        }

        /// Notes that the server has said something.
        func noteAnswer() { window.noteAnswer(ObjectIdentifier(self)) }

        /// Waits for the place, unless it is held already; throws where the task is cancelled first.
        func take(on loop: EventLoop, isolation: isolated any Actor) async throws(LinkFailure) {
            guard !isHeld else { return }
            try await window.enter(on: loop, isolation: isolation)
            isHeld = true
        }

        /// Passes the place on, if it is held.
        func release() {
            noteAnswer()
            guard isHeld else { return }
            isHeld = false
            window.leave()
        }
    }

    private struct State {
        var free: Int
        /// In the order in which they came.
        var waiting: [Wait] = []
        /// When those began to connect whose servers have not said anything yet, for ``gracePeriod`` at most.
        var connecting: [ObjectIdentifier: ContinuousClock.Instant] = [:]
        /// Those that may connect.
        var beginners: [Wait] = []
    }

    /// How long a server that says nothing keeps others from beginning.
    private static let gracePeriod = Duration.seconds(1)

    private let state: Locked<State>
    private let limit: Int

    /// A window for `limit` logins.
    public init(limit: Int) {
        self.limit = max(1, limit)
        state = Locked(State(free: max(1, limit)))
    }

    /// A place that is not held yet.
    func place() -> Place { Place(in: self) }

    private func begin(
        _ place: ObjectIdentifier, on loop: EventLoop, isolation: isolated any Actor
    ) async throws(LinkFailure) {
        while true {
            let wait = Wait()
            let next = state.withLock { state -> ContinuousClock.Instant? in
                let now = ContinuousClock.now
                state.connecting = state.connecting.filter { now - $0.value < Self.gracePeriod }
                if state.connecting.count < limit {
                    state.connecting[place] = now
                    return nil
                }
                state.beginners.append(wait)
                return state.connecting.values.min().map { $0 + Self.gracePeriod }
            }
            guard let next else { return }
            let end = await loop.wait(wait, until: next, isolation: isolation)
            state.withLock { $0.beginners.removeAll { $0 === wait } }
            if end == .cancelled { throw .cancelled }
        }
    }

    private func noteAnswer(_ place: ObjectIdentifier) {
        let next = state.withLock { state -> Wait? in
            guard state.connecting.removeValue(forKey: place) != nil else { return nil }
            return state.beginners.isEmpty ? nil : state.beginners.removeFirst()
        }
        next?.end()
    }

    private func enter(on loop: EventLoop, isolation: isolated any Actor) async throws(LinkFailure) {
        let wait = Wait()
        let isFree = state.withLock { state in
            if state.free > 0 {
                state.free -= 1
                return true
            }
            state.waiting.append(wait)
            return false
        }
        if isFree { return }
        // Bounded by the limits of the logins before it, and by nothing else.
        let day = Duration.seconds(86_400)
        if await loop.wait(wait, until: .now + day, isolation: isolation) == .signalled { return }
        let wasPassedOver = state.withLock { state in
            guard let number = state.waiting.firstIndex(where: { $0 === wait }) else { return false }
            state.waiting.remove(at: number)
            return true
        }
        // It was given the place at the moment it was cancelled.
        if !wasPassedOver { leave() }
        throw .cancelled
    }

    private func leave() {
        let next = state.withLock { state -> Wait? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.end()
    }
}
