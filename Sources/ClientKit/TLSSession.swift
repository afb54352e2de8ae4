internal import COpenSSL

/// Why a TLS handshake failed, or a session ended.
public enum TLSFailure: Error, Sendable, Hashable {
    /// What is wrong with a certificate.
    public enum Fault: Sendable, Hashable {
        /// It is not signed by a trusted CA.
        case unknownAuthority
        /// It, or an intermediate certificate, has expired.
        case expired
        /// Its validity period has not started.
        case notYetValid
        /// It is for another name or address.
        case otherName
        /// Anything else, with OpenSSL's message.
        case other
    }

    /// The file of trusted CAs cannot be used.
    case trustUnusable(String)
    /// The peer's certificate fails verification; with OpenSSL's message.
    case certificate(Fault, String)
    /// The peer does not speak TLS.
    case notTLS
    /// The peer refused, or TLS broke; with OpenSSL's message.
    case refused(String)
}

/// A TLS session of the system's OpenSSL, which transforms bytes and does not use sockets.
///
/// The peer's certificate is always verified, including its name. Not `Sendable`: it is used
/// together with its connection.
public final class TLSSession {
    private let context: OpaquePointer
    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    /// Prepares a session with `name`, a host name or address, whose certificate must be signed by
    /// a CA in the file `trusted`.
    public init(with name: String, trusting trusted: String) throws(TLSFailure) {
        keepOpenSSLAtExit()
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .refused(lastError()) }
        guard tlsRequire12(context) == 1, SSL_CTX_load_verify_file(context, trusted) == 1 else {
            SSL_CTX_free(context)
            throw .trustUnusable("\(trusted): \(lastError())")
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        guard let session = SSL_new(context), let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
        else {
            SSL_CTX_free(context)
            throw .refused(lastError())
        }
        (self.context, self.session, self.incoming, self.outgoing) = (context, session, incoming, outgoing)
        // The session owns both from now on.
        SSL_set_bio(session, incoming, outgoing)
        SSL_set_connect_state(session)
        // An IP address is compared with the certificate's addresses, and is not sent as a server
        // name.
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) != 1 {
            ERR_clear_error()
            guard tlsAskFor(session, name) == 1, SSL_set1_host(session, name) == 1 else { throw .refused(lastError()) }
        }
    }

    deinit {
        SSL_free(session)
        SSL_CTX_free(context)
    }

    /// Continues the handshake and returns the bytes to send, whether it is complete, has failed or
    /// needs more input.
    ///
    /// After a failure the bytes are the alert for the peer.
    public func shakeHands(with received: [UInt8]) -> (toSend: [UInt8], result: Result<Bool, TLSFailure>) {
        take(received)
        ERR_clear_error()
        let status = SSL_do_handshake(session)
        let error = SSL_get_error(session, status)
        let toSend = given()
        if status == 1 { return (toSend, .success(true)) }
        if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return (toSend, .success(false)) }
        return (toSend, .failure(failure()))
    }

    /// `bytes` in encrypted form.
    public func encrypt(_ bytes: [UInt8]) throws(TLSFailure) -> [UInt8] {
        ERR_clear_error()
        guard bytes.isEmpty || SSL_write(session, bytes, Int32(bytes.count)) == Int32(bytes.count) else {
            throw .refused(lastError())
        }
        return given()
    }

    /// The peer's bytes in `received`; empty if that is only part of a record, or a message of TLS
    /// itself.
    public func decrypt(_ received: [UInt8]) throws(TLSFailure) -> (bytes: [UInt8], isClosed: Bool) {
        take(received)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            ERR_clear_error()
            let count = SSL_read(session, &chunk, Int32(chunk.count))
            if count > 0 {
                bytes += chunk.prefix(Int(count))
                continue
            }
            switch SSL_get_error(session, count) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return (bytes, false)
            case SSL_ERROR_ZERO_RETURN: return (bytes, true)
            default: throw .refused(lastError())
            }
        }
    }

    private func take(_ received: [UInt8]) {
        // A memory BIO accepts everything.
        if !received.isEmpty { BIO_write(incoming, received, Int32(received.count)) }
    }

    private func given() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(BIO_ctrl_pending(outgoing)))
        guard !bytes.isEmpty else { return [] }
        let count = BIO_read(outgoing, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(Int(max(0, count))))
    }

    private func failure() -> TLSFailure {
        let verdict = SSL_get_verify_result(session)
        if verdict != Int(X509_V_OK) {
            let words = X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? ""
            return .certificate(TLSFailure.Fault(verdict: Int32(verdict)), words)
        }
        switch tlsReason(ERR_peek_error()) {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_HTTP_REQUEST, SSL_R_UNEXPECTED_MESSAGE,
            SSL_R_BAD_RECORD_TYPE:
            return .notTLS
        default: return .refused(lastError())
        }
    }
}

extension TLSFailure.Fault {
    init(verdict: Int32) {
        switch verdict {
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .otherName
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_INVALID_CA:
            self = .unknownAuthority
        default: self = .other
        }
    }

    /// What is wrong with a certificate for `name`.
    public func cause(for name: String) -> String {
        switch self {
        case .unknownAuthority: "the server's certificate is not signed by a CA in the root certificate file"
        case .expired: "the server's certificate, or a CA certificate, has expired"
        case .notYetValid: "the server's certificate is not valid yet: one of the clocks may be wrong"
        case .otherName: "the server's certificate is not for \(name)"
        case .other: "the server's certificate fails verification"
        }
    }

    /// What to do about it; `key` is the inventory's key for the CA file.
    public func remedy(key: String) -> String {
        switch self {
        case .unknownAuthority: "name the file of the CA that signed it as \(key) in the inventory"
        case .expired: "renew the certificate on the server, and reload it there"
        case .notYetValid: "correct the clock of this machine or of the server"
        case .otherName: "name the host in the inventory as the certificate does, or have one issued for this name"
        case .other: "inspect it with `openssl s_client`, and have a new one issued"
        }
    }
}

private func lastError() -> String {
    let code = ERR_peek_error()
    return ERR_reason_error_string(code).map { String(cString: $0) } ?? "TLS error \(code)"
}
