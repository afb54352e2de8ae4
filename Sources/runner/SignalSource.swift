import Dispatch
import Glibc

/// Signals that a handler takes.
enum SignalSource {
    /// Lets `handler` take the signal `number` from the moment on at which this returns, and for as long as the source lives.
    ///
    /// It is not ignored meanwhile: one that came then would be lost.
    static func taking(
        _ number: Int32, on queue: DispatchQueue, _ handler: @escaping @Sendable () -> Void
    ) -> any DispatchSourceSignal {
        let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
        let isTaken = DispatchSemaphore(value: 0)
        source.setRegistrationHandler { isTaken.signal() }
        source.setEventHandler(handler: handler)
        source.resume()
        isTaken.wait()
        return source
    }

    /// Where the handler of a signal is, or 1 where it is ignored; `nil` where it has what the system does by itself.
    static func handler(of number: Int32) -> Int? {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return nil }
        // A cast because C has no type for it: a handler is a function's address, 1 for "ignore", or 0.
        let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        return handler == 0 ? nil : handler
    }
}
