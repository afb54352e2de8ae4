import Dispatch
import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGHUP turned into cancellation of the run: the first lets it end in order, the second ends it at once.
///
/// `@unchecked Sendable` holds: `received` is a mutex, and `sources` is written in `init` only, before anybody else has the object,
/// and never read; it keeps the dispatch sources alive.
final class Signals: @unchecked Sendable {
    private let received = Mutex<Int32?>(nil)
    private var sources: [any DispatchSourceSignal] = []

    /// Calls `onFirst` once, from its own queue.
    init(onFirst: @escaping @Sendable (Int32) -> Void) {
        let queue = DispatchQueue(label: "signals")
        // A reader that went away is an error of the write, not the end of the run.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let isFirst = received.withLock { first in
                    defer { if first == nil { first = number } }
                    return first == nil
                }
                if isFirst {
                    onFirst(number)
                } else {
                    Passphrase.restoreTerminal()
                    _exit(128 + number)
                }
            }
            source.resume()
            sources.append(source)
        }
    }
}
