import Dispatch
import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGHUP turned into cancellation of the run: the first lets it end in order,
/// the second ends it immediately.
///
/// `@unchecked Sendable` holds: `sources` is written in `init` only, before anybody else has the
/// object, and never read; it keeps the dispatch sources alive.
final class Signals: @unchecked Sendable {
    private static let received = Mutex<Int32?>(nil)
    private var sources: [any DispatchSourceSignal] = []

    /// The exit status of a process that a signal ends: 130 where none has come yet.
    static var exitStatus: Int32 { 128 + (received.withLock { $0 } ?? SIGINT) }

    /// Calls `onFirst` once, from its own queue.
    init(onFirst: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "signals")
        // A reader that went away is an error of the write, not the end of the run.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                let isFirst = Self.received.withLock { first in
                    defer { if first == nil { first = number } }
                    return first == nil
                }
                if isFirst {
                    onFirst()
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

/// Does `work`, which the first signal cancels.
func withSignalsAsCancellation<Value: Sendable>(
    tellingOn terminal: Terminal, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let task = Task { try await work() }
    let signals = Signals {
        terminal.line("stopping; press Ctrl-C again to stop immediately")
        task.cancel()
    }
    defer { withExtendedLifetime(signals) {} }
    return try await task.value
}
