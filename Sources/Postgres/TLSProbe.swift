import ClientKit
import Dispatch

/// Finds out, after libpq failed to establish TLS, what its message does not say: which check the
/// server's certificate fails.
struct TLSProbe {
    enum Finding {
        /// Both sides agree on TLS now: something else broke the connection.
        case agreed
        /// The server has no TLS at all.
        case none
        case failure(TLSFailure)
    }

    let endpoint: PostgresEndpoint
    let host: PostgresEndpoint.Host
    let address: String

    /// What is found; nil if the server no longer responds.
    func finding(until deadline: ContinuousClock.Instant) -> Finding? {
        guard let trusted = endpoint.rootCertificate ?? systemTrustFile() else { return nil }
        do {
            let stream = try TCPStream(address: address, port: host.dialPort ?? host.port, until: deadline)
            // SSLRequest: its length, and a code that is not a protocol version.
            try stream.send([0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F], until: deadline)
            guard try stream.receive(until: deadline).first == UInt8(ascii: "S") else { return Finding.none }
            try stream.start(TLSSession(with: host.name, trusting: trusted), until: deadline)
            return .agreed
        } catch StreamFailure.tls(.certificate) where !endpoint.tls.verifies {
            return .agreed
        } catch StreamFailure.tls(.certificate(.otherName, _)) where endpoint.tls == .verifyCA {
            return .agreed
        } catch StreamFailure.tls(let failure) {
            return .failure(failure)
        } catch let failure as TLSFailure {
            return .failure(failure)
        } catch {
            return nil
        }
    }
}

extension PostgresError {
    /// The same TLS failure with its cause, which a second connection shows.
    ///
    /// A tunnel serves one connection: `endpoint` uses another one to the same server.
    public func tlsCause(through endpoint: PostgresEndpoint) async -> PostgresError {
        guard reason == .tls, let host = endpoint.hosts.first, let address = host.dialAddress else {
            return self
        }
        let probe = TLSProbe(endpoint: endpoint, host: host, address: address)
        let deadline = ContinuousClock.now + endpoint.connectTimeout.duration
        let finding = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: probe.finding(until: deadline)) }
        }
        return PostgresError(tls: cause, finding, attempt: attempt, endpoint: endpoint, host: host)
    }

    /// libpq's TLS failure `text`, with the cause that `finding` shows.
    init(
        tls text: String, _ finding: TLSProbe.Finding?, attempt: String, endpoint: PostgresEndpoint,
        host: PostgresEndpoint.Host
    ) {
        if case .agreed = finding {
            self.init(
                .connectionLost, attempt: attempt, host: endpoint.place(host),
                cause: "the connection broke during the TLS handshake: \(text)",
                remedy: "check the server and the network path to it, then resume", kind: .unreachable)
            return
        }
        let (cause, remedy): (String, String) =
            switch finding {
            case .some(.none):
                (
                    "the server does not support TLS, and sslmode \(endpoint.tls.rawValue) requires it",
                    "turn on ssl in the server's postgresql.conf, or choose another postgres.sslmode in the inventory"
                )
            case .failure(.certificate(let fault, let words)):
                ("\(fault.cause(for: host.name)) (\(words))", fault.remedy(key: "postgres.rootCertificate"))
            case .failure(.trustUnusable(let words)):
                (
                    "the root certificate cannot be used: \(words)",
                    "name a file of certificates in PEM as postgres.rootCertificate in the inventory"
                )
            case .failure(.notTLS), .failure(.refused), .agreed, nil:
                (
                    text,
                    "check postgres.sslmode and postgres.rootCertificate in the inventory against the server's certificate"
                )
            }
        self.init(.tls, attempt: attempt, host: endpoint.place(host), cause: cause, remedy: remedy, kind: .refused)
    }
}
