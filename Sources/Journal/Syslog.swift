import Foundation
import Glibc

/// The local system's log, as RFC 5424 describes its messages.
public struct Syslog: Sendable {
    private let path: String

    /// The log that listens at `path`.
    public init(path: String = "/dev/log") { self.path = path }

    /// Sends a head; returns why it could not, in words.
    public func send(_ head: AuditHead, of run: RunID, origin: String) -> String? {
        let who = Origin.current()
        // Facility authpriv, severity notice.
        let text =
            "<85>1 \(Date().formatted(Self.time)) \(who.machine) keybuzz-runner \(who.pid) head "
            + #"[head@32473 run="\#(run)" seq="\#(head.sequence)" sha256="\#(head.hash)" origin="\#(origin)"] "#
            + "the audit log of run \(run) has record \(head)"
        return send(Array(text.utf8))
    }

    private static let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private func send(_ message: [UInt8]) -> String? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return "the path \(path) is too long" }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return reason() }
        defer { close(socket) }
        let sent = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                // A log that is stopped must not stop the run.
                sendto(
                    socket, message, message.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), $0,
                    socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return sent == message.count ? nil : reason()
    }

    private func reason() -> String { "\(path): \(String(cString: strerror(errno)))" }
}
