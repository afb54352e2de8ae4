import CLibSSH2
import ClientKit
import Glibc

/// A libssh2 session over a ``Transport``, never blocking; used on one executor only.
final class Session {
    /// What libssh2 calls "try again": not an error.
    static let again = LIBSSH2_ERROR_EAGAIN

    /// The libssh2 session.
    let pointer: OpaquePointer
    let transport: Transport

    // libssh2_init is not safe to call twice at once.
    private static let library: Int32 = {
        keepOpenSSLAtExit()
        return libssh2_init(0)
    }()

    /// Whether the library can do RSA with SHA-2, which is all that servers since OpenSSH 8.8 accept.
    static let supportsRSAWithSHA2 = libssh2_version(0x010b00) != nil
    /// The library's version.
    static let version = libssh2_version(0).map { String(cString: $0) } ?? "?"

    /// Makes a session that has sent nothing yet, or nil where libssh2 has no memory.
    init?(transport: Transport) {
        guard Self.library == 0,
            let pointer = libssh2_session_init_ex(nil, nil, nil, Unmanaged.passUnretained(transport).toOpaque())
        else { return nil }
        Self.noteOpened(pointer)
        self.pointer = pointer
        self.transport = transport
        libssh2_session_set_blocking(pointer, 0)
        Transport.install(on: pointer)
        // When to ask is decided elsewhere, by a clock that nobody sets: the library goes by the time of day,
        // and an interval of minus 68 years has always passed.
        libssh2_keepalive_config(pointer, 1, UInt32(bitPattern: .min))
    }

    deinit {
        transport.abandon()
        Self.noteClosed()
        // With an abandoned transport each call gets further; the bound is for what libssh2 may still hide (its issue 344).
        for _ in 0..<1000 where libssh2_session_free(pointer) != Self.again { break }
    }

    /// The last error of the session as libssh2 words it.
    var lastError: String {
        var message: UnsafeMutablePointer<CChar>?
        libssh2_session_last_error(pointer, &message, nil, 0)
        return message.map { String(cString: $0) } ?? "unknown error"
    }

    /// `code` with the library's words for it.
    func failure(_ code: Int32) -> LinkFailure {
        if let failure = transport.failure { return failure }
        guard code == LIBSSH2_ERROR_CHANNEL_FAILURE else { return .library(code: code, message: lastError) }
        // The library has the server's reason code only as one of its own texts.
        let message = lastError
        return if message.contains("administratively prohibited") {
            .refused(.prohibited)
        } else if message.contains("connect failed") {
            .refused(.connectFailed)
        } else {
            .refused(.other(message))
        }
    }

    /// Sends a keepalive, which the server must answer.
    func sendKeepalive() {
        libssh2_keepalive_send(pointer, nil)
    }

    /// The algorithms of one kind that the library offers, in its order of preference.
    func supported(_ method: Int32) -> [String] {
        var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        let count = libssh2_session_supported_algs(pointer, method, &names)
        guard count > 0, let names else { return [] }
        defer { libssh2_free(pointer, names) }
        return (0..<Int(count)).compactMap { names[$0].map { String(cString: $0) } }
    }

    /// Asks for ``fastKeyExchange`` first, and then for what the library would ask for.
    func preferFastKeyExchange() {
        let names = [Self.fastKeyExchange] + supported(LIBSSH2_METHOD_KEX).filter { $0 != Self.fastKeyExchange }
        libssh2_session_method_pref(pointer, LIBSSH2_METHOD_KEX, names.joined(separator: ","))
    }

    /// sshd leaves P-256 to OpenSSL and computes X25519 with portable code, which takes it about 5 ms more.
    ///
    /// Measured with OpenSSH 9.2: ten connections at once took 0.147 to 0.159 s instead of 0.164 to 0.192 s.
    private static let fastKeyExchange = "ecdh-sha2-nistp256"

    /// The server's host key as it came over the wire.
    var hostKey: [UInt8]? {
        var count = 0
        var type: Int32 = 0
        guard let bytes = libssh2_session_hostkey(pointer, &count, &type) else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
