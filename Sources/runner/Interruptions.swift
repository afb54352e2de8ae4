import ClientKit
import Dispatch
import Engine
import Foundation
import Synchronization

/// Why this process was asked to stop.
enum Interruptions {
    private static let received = Mutex<Interruption?>(nil)
    private static let stop = Mutex<TimeLimit>(.seconds(60))

    /// How long an orderly stop may take, the command in progress and the locks included, before the
    /// process exits anyway; what the inventory says as soon as it has been read.
    static var stopLimit: TimeLimit {
        get { stop.withLock(\.self) }
        set { stop.withLock { $0 = newValue } }
    }

    /// The first of them; Ctrl-C if there was none yet.
    static var first: Interruption { received.withLock(\.self) ?? .signal(SIGINT) }

    /// Keeps `interruption` if it is the first, and returns whether it is.
    static func note(_ interruption: Interruption) -> Bool {
        received.withLock { first in
            defer { if first == nil { first = interruption } }
            return first == nil
        }
    }

    /// Ends the process immediately, with the exit status of the first of them.
    static func end() -> Never {
        Prompt.restoreTerminal()
        _exit(first.exitStatus)
    }
}

/// Signals that cancel the run: the first stops it in an orderly way, a second SIGINT or SIGTERM
/// ends it immediately.
///
/// `@unchecked Sendable` holds: `sources` is written only in `init`, before the object is shared,
/// and never read; it keeps the dispatch sources alive.
final class Signals: @unchecked Sendable {
    private var sources: [any DispatchSourceSignal] = []

    /// Calls `onFirst` once, from its own queue.
    init(onFirst: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "signals")
        // A closed pipe is an error of the write, not the end of the run.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGXCPU] {
            // What `nohup` has set stays as it is.
            if number == SIGHUP, SignalSource.handler(of: number) == 1 { continue }
            let source = SignalSource.taking(number, on: queue) {
                if Interruptions.note(.signal(number)) {
                    onFirst()
                } else if number == SIGINT || number == SIGTERM {
                    // The others may arrive more than once by themselves: SIGHUP from the shell and
                    // from the kernel, SIGXCPU every second.
                    Interruptions.end()
                }
            }
            sources.append(source)
        }
    }
}

/// Does `work`, which is cancelled by the first signal.
func withSignalsAsCancellation<Value: Sendable>(
    tellingOn terminal: Terminal, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let task = Task { try await work() }
    let signals = Signals {
        task.cancel()
        // A terminal that is stopped, or a pipe that nobody empties, must not keep a second signal waiting.
        DispatchQueue.global().async {
            terminal.line("\(Interruptions.first.summary): stopping; press Ctrl-C again to stop immediately")
        }
    }
    defer { withExtendedLifetime(signals) {} }
    return try await withTaskCancellationHandler {
        try await task.value
    } onCancel: {
        task.cancel()
    }
}
