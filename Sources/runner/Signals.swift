import Dispatch
import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGHUP turned into cancellation of the run: the first lets it end in order, the second ends it at once.
final class Signals: Sendable {
    private let received = Mutex<Int32?>(nil)
    // Dispatch sources must outlive the run; they are made once and only kept here.
    private let sources: Mutex<[any DispatchSourceSignal]>

    /// The first signal that came, if one did.
    var first: Int32? { received.withLock { $0 } }

    /// Calls `onFirst` once, from its own queue.
    init(onFirst: @escaping @Sendable (Int32) -> Void) {
        sources = Mutex([])
        let queue = DispatchQueue(label: "signals")
        let made = [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let isFirst = received.withLock { first in
                    defer { if first == nil { first = number } }
                    return first == nil
                }
                if isFirst { onFirst(number) } else { _exit(128 + number) }
            }
            source.resume()
            return source
        }
        sources.withLock { $0 = made }
    }
}
