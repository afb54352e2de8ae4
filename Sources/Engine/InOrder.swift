import ClientKit

/// Work that callers hand over without waiting, done one after another.
final class InOrder: Sendable {
    private let last = Locked<Task<Void, Never>?>(nil)

    /// Does `work` after all that was added before, also when the caller is cancelled.
    func add(_ work: @escaping @Sendable () async -> Void) {
        last.withLock { last in
            let before = last
            last = Task {
                await before?.value
                await work()
            }
        }
    }

    /// Waits until all that was added so far is done.
    func allDone() async { await last.withLock { $0 }?.value }
}
