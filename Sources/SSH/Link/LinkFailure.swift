import Glibc

/// Why a connection is of no use any more.
enum LinkFailure: Error, Hashable {
    /// The other side closed the connection without a word.
    case closedByPeer
    /// The server ended the session and said why.
    case disconnected(String)
    /// The kernel gave the connection up, with this errno.
    case socket(Int32)
    /// Nothing, not even an answer to a keepalive, came for this long.
    case silent(Duration)
    /// What was asked for did not come in time.
    case timedOut(Duration)
    /// libssh2 gave up, with its code and message.
    case library(code: Int32, message: String)
    /// The session to the jump host `name`, on which this one travelled, is lost.
    case carrierLost(name: String, explanation: String)
    /// This side closed the connection.
    case closedHere

    /// The cause in words, to follow a colon.
    var explanation: String {
        switch self {
        case .closedByPeer: "the server closed the connection"
        case .disconnected(let message): "the server ended the session\(message.isEmpty ? "" : ": \(message)")"
        case .socket(let code): "the connection broke: \(errnoText(code))"
        case .silent(let duration): "the server did not answer for \(duration.inWords), not even keepalives"
        case .timedOut(let duration): "no answer within \(duration.inWords)"
        case .library(let code, let message): "\(message) (libssh2 \(code))"
        case .carrierLost(let name, let explanation): "the connection to the jump host \(name) is lost: \(explanation)"
        case .closedHere: "the connection was closed on this side"
        }
    }
}

/// The system's text for an errno.
func errnoText(_ code: Int32) -> String {
    String(cString: strerror(code))
}

extension Duration {
    /// Seconds, rounded to at most one decimal: `10 s`, `0.5 s`.
    var inWords: String {
        let tenth: Int64 = 100_000_000_000_000_000
        let tenths = components.seconds * 10 + (components.attoseconds + tenth / 2) / tenth
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
