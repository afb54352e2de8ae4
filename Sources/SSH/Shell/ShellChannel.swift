import CLibSSH2
import ClientKit

/// The channel of a remote shell; runs one ``InFlightCommand`` after another.
final class ShellChannel {
    let channel: OpaquePointer
    private let session: Session
    private let scratch: UnsafeMutableRawBufferPointer
    private weak var link: Link?
    /// What precedes each line that the loop evaluates.
    let token: String
    // Sent together with the first command that needs them, which saves a round trip.
    private var functions: [UInt8]?
    /// The command in flight.
    var inFlight: InFlightCommand?
    /// Whether it has started and no command has it.
    var isIdle = false
    /// Set when the shell can take no more commands.
    private(set) var isEnded = false
    /// Why, where it ended with its session.
    private(set) var loss: LinkFailure?

    /// When to wait no longer for how it ended.
    private(set) var endDue: ContinuousClock.Instant?

    private static let chunkSize = 64 << 10
    private static let rounds = 32
    private static let endPause = Duration.seconds(1)

    init(channel: OpaquePointer, link: Link, token: String, functions: [UInt8]) {
        self.channel = channel
        self.link = link
        session = link.session
        scratch = link.loop.scratch
        self.token = token
        self.functions = functions
    }

    /// What must be sent before the first command that needs it; nil after that.
    func takeFunctions() -> [UInt8]? {
        defer { functions = nil }
        return functions
    }

    /// Closes the channel.
    func close() {
        link?.abandon(self)
    }

    /// Notes that the session is lost.
    func lose(_ reason: LinkFailure) {
        isEnded = true
        loss = reason
        inFlight?.end(.linkLost(reason))
    }

    /// Moves what can be moved without waiting, both directions and both output streams alternately.
    ///
    /// Returns whether there may be more: a flood of output must not keep the session from checking the clock.
    func pump() -> Bool {
        for _ in 0..<Self.rounds where !isEnded {
            var hasMoved = read(0, .stdout)
            hasMoved = read(SSH_EXTENDED_DATA_STDERR, .stderr) || hasMoved
            inFlight?.send(write)
            if !hasMoved { return false }
        }
        return !isEnded
    }

    private func read(_ streamID: Int32, _ stream: OutputStream) -> Bool {
        let count = libssh2_channel_read_ex(
            channel, streamID, scratch.baseAddress?.assumingMemoryBound(to: CChar.self), scratch.count)
        if count > 0 {
            // Between commands, this is the output of a process left running in the background.
            inFlight?.receive([UInt8](UnsafeRawBufferPointer(rebasing: scratch[..<count])), from: stream)
            return true
        }
        if count < 0, count != Int(Session.again) {
            end(session.failure(Int32(count)).explanation)
        } else if libssh2_channel_eof(channel) != 0 {
            noteEndOfOutput()
        }
        return false
    }

    /// The server tells how the shell ended only when it has ended, which may be a moment after its output.
    private func noteEndOfOutput() {
        let due = endDue ?? .now + Self.endPause
        endDue = due
        if .now >= due || libssh2_channel_wait_closed(channel) != Session.again { end(endReason()) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard session.transport.outgoing.count < SendQueue.highWater else { return 0 }
        let count = libssh2_channel_write_ex(
            channel, 0, bytes.bindMemory(to: CChar.self).baseAddress, min(bytes.count, Self.chunkSize))
        if count < 0, count != Int(Session.again) {
            end(session.failure(Int32(count)).explanation)
        }
        return count
    }

    private func end(_ reason: String) {
        isEnded = true
        inFlight?.end(.shellEnded(reason))
    }

    private func endReason() -> String {
        var signal: UnsafeMutablePointer<CChar>?
        var count = 0
        libssh2_channel_get_exit_signal(channel, &signal, &count, nil, nil, nil, nil)
        if let signal {
            defer { libssh2_free(session.pointer, signal) }
            return "the remote shell was killed by signal \(String(cString: signal))"
        }
        // libssh2 says 0 as well where no status arrived.
        return switch libssh2_channel_get_exit_status(channel) {
        case 0: "the remote shell ended"
        case 125: "the remote shell lost sync with its input and stopped"
        case let status: "the remote shell exited with status \(status)"
        }
    }
}
