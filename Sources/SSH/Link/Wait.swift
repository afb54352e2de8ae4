import ClientKit
import Glibc

/// One suspension of one task, which ends once: with whatever comes first.
///
/// Nothing else in this module suspends a task, and only ``EventLoop/wait(_:for:until:isOpenToCancellation:isolation:)``
/// does it with this: so none waits without an end, or goes on waiting after it was cancelled.
final class Wait: Sendable {
    /// What came first.
    enum End: Sendable {
        /// What was waited for.
        case signalled
        /// The deadline.
        case timedOut
        /// The task was cancelled, or what it waits for was closed.
        case cancelled
    }

    private struct State {
        var end: End?
        var continuation: CheckedContinuation<End, Never>?
    }

    private let state = Locked(State())

    /// Ends it, from any thread; only the first end counts.
    func end(_ end: End = .signalled) {
        let continuation = state.withLock { state -> CheckedContinuation<End, Never>? in
            guard state.end == nil else { return nil }
            state.end = end
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(returning: end)
    }

    /// Suspends the task until the end.
    ///
    /// A continuation resumes on the task's own executor, the pool by default, and only from there on the actor's: with
    /// the loop for both, ten hosts with twenty commands cost half the changes of threads.
    fileprivate func result(on loop: EventLoop, isolation: isolated any Actor) async -> End {
        await withTaskExecutorPreference(loop) {
            await withCheckedContinuation(isolation: isolation) { continuation in
                let end = state.withLock { state -> End? in
                    if state.end == nil { state.continuation = continuation }
                    return state.end
                }
                if let end { continuation.resume(returning: end) }
            }
        }
    }
}

extension EventLoop {
    /// Waits until `wait` is ended, one of `descriptors` is ready, or `end` has passed; a cancelled task
    /// goes on at once unless it is not `isOpenToCancellation`.
    func wait(
        _ wait: Wait = Wait(), for descriptors: [pollfd] = [], until end: ContinuousClock.Instant,
        isOpenToCancellation: Bool = true, isolation: isolated any Actor
    ) async -> Wait.End {
        add(wait, for: descriptors, until: end)
        defer { remove(wait) }
        guard isOpenToCancellation else { return await wait.result(on: self, isolation: isolation) }
        return await withTaskCancellationHandler {
            // Without naming it, the closure would run, and the result be awaited, outside the actor.
            await wait.result(on: self, isolation: isolation)
        } onCancel: {
            wait.end(.cancelled)
        }
    }
}
