import ClientKit

/// One command on its way through the remote shell: what is still to be sent, and what has come back.
final class InFlightCommand {
    /// How it ended.
    enum End {
        /// The trailer arrived, with this text after the nonce on standard output.
        case trailer(String)
        /// The remote shell ended before the trailer, for this reason.
        case shellEnded(String)
        /// The deadline passed.
        case timedOut
        /// The task that waits for it was cancelled, and the command did not end within the grace.
        case cancelled
        /// The connection is gone.
        case linkLost(LinkFailure)

        /// Whether it was not begun, since another one holds the host's lock.
        var isBusy: Bool {
            if case .trailer(RemoteScript.busy) = self { true } else { false }
        }
    }

    /// One output stream: split from its trailer, passed on, and kept up to a limit.
    struct Stream {
        private var scanner: TrailerScanner
        private let limit: Int
        private(set) var kept: [UInt8] = []
        private(set) var isTruncated = false
        var payload: String? { scanner.payload }

        init(nonce: String, limit: Int) {
            scanner = TrailerScanner(nonce: nonce)
            self.limit = limit
        }

        mutating func take(_ chunk: [UInt8]) -> ArraySlice<UInt8> {
            keep(scanner.feed(chunk))
        }

        mutating func finish() -> ArraySlice<UInt8> {
            keep(scanner.finish())
        }

        private mutating func keep(_ output: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
            let room = limit - kept.count
            if output.count > room { isTruncated = true }
            kept += output.prefix(max(0, room))
            return output
        }
    }

    private let onOutput: (ArraySlice<UInt8>, OutputStream) -> Void
    // What is still to be sent; parts rather than one array, for a large input must not be copied.
    private var parts: ArraySlice<[UInt8]>
    private var sent = 0
    private var wait: Wait?
    private var reached: End?
    private(set) var output: Stream
    private(set) var errors: Stream

    /// Prepares to send `parts`, and to collect what comes until `nonce` was seen on both streams.
    init(
        sending parts: [[UInt8]], nonce: String, outputLimit: Int,
        onOutput: @escaping (ArraySlice<UInt8>, OutputStream) -> Void
    ) {
        self.parts = parts[...]
        self.onOutput = onOutput
        output = Stream(nonce: nonce, limit: outputLimit)
        errors = Stream(nonce: nonce, limit: outputLimit)
    }

    /// Gives what is to be sent next to `write`, which returns how many bytes it took.
    func send(_ write: (UnsafeRawBufferPointer) -> Int) {
        while let part = parts.first {
            guard sent < part.count else {
                parts.removeFirst()
                sent = 0
                continue
            }
            let taken = part.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            guard taken > 0 else { return }
            sent += taken
        }
    }

    /// Takes what came on one stream.
    func receive(_ chunk: [UInt8], from stream: OutputStream) {
        let part = stream == .stdout ? output.take(chunk) : errors.take(chunk)
        if !part.isEmpty { onOutput(part, stream) }
        if let payload = output.payload, errors.payload != nil { end(.trailer(payload)) }
    }

    /// Waits for the end; where the task is cancelled, for `grace` more.
    func result(
        on loop: EventLoop, until deadline: Deadline, grace: Duration, isolation: isolated any Actor
    ) async -> End {
        var limit = deadline.end
        for isOpenToCancellation in [true, false] {
            if let reached { return reached }
            let wait = Wait()
            self.wait = wait
            let end = await loop.wait(
                wait, until: limit, isOpenToCancellation: isOpenToCancellation, isolation: isolation)
            switch end {
            case .signalled: break
            case .timedOut: self.end(isOpenToCancellation ? .timedOut : .cancelled)
            case .cancelled: limit = min(limit, .now + grace)
            }
        }
        end(.cancelled)
        return reached ?? .cancelled
    }

    /// Ends the wait; only the first end counts.
    func end(_ end: End) {
        guard reached == nil else { return }
        reached = end
        for (rest, stream) in [(output.finish(), OutputStream.stdout), (errors.finish(), .stderr)] where !rest.isEmpty {
            onOutput(rest, stream)
        }
        wait?.end()
    }
}
