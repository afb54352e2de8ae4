import ClientKit
import Glibc

/// Why a connection can no longer be used, or why an answer did not come.
enum LinkFailure: Error, Hashable {
    /// The other side closed the connection without a word.
    case closedByPeer
    /// The server ended the session and said why.
    case disconnected(String)
    /// The kernel closed the connection, or refused it, with this errno.
    case socket(Int32)
    /// Nothing, not even an answer to a keepalive, came for this long.
    case silent(TimeLimit)
    /// Nothing came for this long after the login, while the server was to start the user's process.
    case notStarted(TimeLimit)
    /// What was asked for did not come within this limit.
    case timedOut(TimeLimit)
    /// The server opened no channel.
    case refused(ChannelRefusal)
    /// libssh2 gave up, with its code and message.
    case library(code: Int32, message: String)
    /// The session to the jump host `name`, inside which this one ran, is lost.
    case carrierLost(name: String, explanation: String)
    /// The task that waited was cancelled.
    case cancelled
    /// This side closed the connection.
    case closedHere

    /// Why a server opens no channel, as the protocol has it.
    enum ChannelRefusal: Hashable {
        case prohibited
        /// The target cannot be reached, or, for a remote shell, there are too many.
        case connectFailed
        case other(String)
    }

    /// The cause in words, to follow a colon.
    var explanation: String {
        switch self {
        case .closedByPeer: "the server closed the connection"
        case .disconnected(let message): "the server ended the session\(message.isEmpty ? "" : ": \(message)")"
        case .socket(let code) where Errno(code: code).isShortage: errnoText(code)
        case .socket(let code): "the connection broke: \(errnoText(code))"
        case .silent(let limit): "the server did not answer for \(limit.inWords), not even keepalives"
        case .notStarted(let limit):
            "the server accepted the login, and then did not answer within \(limit.inWords), not even keepalives"
        case .timedOut(let limit): "no answer within \(limit.inWords)"
        case .refused(.prohibited): "the server does not permit it"
        case .refused(.connectFailed): "the server cannot open it"
        case .refused(.other(let message)): message
        case .library(let code, let message): "\(message) (libssh2 \(code))"
        case .carrierLost(let name, let explanation): "the connection to the jump host \(name) is lost: \(explanation)"
        case .cancelled: "it was cancelled"
        case .closedHere: "the connection was closed on this side"
        }
    }

    /// Whether the other side ended it without a word of the protocol, as a server does that has too many connections.
    ///
    /// Which of the errors it is depends on what was under way when the end arrived.
    var isTurnedAway: Bool {
        [.closedByPeer, .socket(ECONNRESET), .socket(EPIPE)].contains(self)
    }

    /// Whether this side ended it, so that the host has no part in it.
    var isOurs: Bool {
        switch self {
        case .cancelled, .closedHere: true
        case .socket(let code): Errno(code: code).isShortage
        default: false
        }
    }
}

/// An error number of the system.
struct Errno: Error, Hashable {
    let code: Int32

    /// Whether this process or this machine has no descriptors, threads or memory left.
    var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN].contains(code) }
}

/// The system's text for an errno.
func errnoText(_ code: Int32) -> String {
    String(cString: strerror(code))
}
