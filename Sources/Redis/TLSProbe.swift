import ClientKit

/// Asks a peer again, after a login that failed, whether the two sides disagree on TLS.
struct TLSProbe {
    let endpoint: RedisEndpoint
    /// The numeric address to dial.
    let address: String

    /// `refusal`, or the underlying cause where the peer shows another one.
    func explained(_ refusal: RedisError) -> RedisError {
        guard let reason = refusal.suspicion(at: endpoint) else { return refusal }
        return (reason == .wantsTLS ? wantsTLS() : isPlainRedis()) ? refusal.because(reason) : refusal
    }

    /// Whether a peer that closes a plain connection answers the beginning of a TLS one.
    private func wantsTLS() -> Bool {
        guard let trusted = systemTrustFile() else { return false }
        do {
            let (stream, deadline) = try connect()
            try stream.start(TLSSession(with: endpoint.host, trusting: trusted), until: deadline)
            return true
        } catch StreamFailure.tls(.certificate) {
            return true
        } catch {
            return false
        }
    }

    /// Whether a peer that does not agree on TLS answers as Redis does without it.
    private func isPlainRedis() -> Bool {
        do {
            let (stream, deadline) = try connect()
            try stream.send(encodeRESP(["PING"]), until: deadline)
            let answer = try stream.receive(until: deadline)
            return answer.starts(with: Array("+PONG".utf8)) || answer.starts(with: Array("-NOAUTH".utf8))
        } catch {
            return false
        }
    }

    private func connect() throws(StreamFailure) -> (TCPStream, deadline: ContinuousClock.Instant) {
        let deadline = ContinuousClock.now + endpoint.connectTimeout
        let port = endpoint.dialPort ?? endpoint.port
        return (try TCPStream(address: address, port: port, until: deadline), deadline)
    }
}

extension RedisError {
    /// What a second connection to `endpoint` may show to be the cause of this failure; nil where it could show nothing.
    fileprivate func suspicion(at endpoint: RedisEndpoint) -> Reason? {
        switch reason {
        case .closedBeforeLogin: endpoint.trusted == nil ? .wantsTLS : .wantsNoTLS
        case .connectDeadline, .notTLS: endpoint.trusted == nil ? nil : .wantsNoTLS
        default: nil
        }
    }
}

extension RedisEndpoint {
    /// What `open` makes of the server that `forward` leads to.
    ///
    /// A tunnel is for one connection: where TLS may be why it came to nothing, a second one shows the cause.
    public func connect<Connection: Sendable>(
        through forward: RedisSentinels.Forward,
        open: (RedisEndpoint) async throws(RedisError) -> Connection
    ) async throws -> Connection {
        let place = RedisSentinels.Place(host: host, port: port)
        guard let first = try await forward(place) else { return try await open(self) }
        let endpoint = dialling(first)
        do throws(RedisError) {
            return try await open(endpoint)
        } catch let refusal {
            // Nothing may have connected to it.
            await first.close()
            guard refusal.suspicion(at: endpoint) != nil else { throw refusal }
            let second: RedisSentinels.Tunnel?
            do {
                second = try await forward(place)
            } catch {
                // Without a second tunnel the first failure is all that is known.
                throw refusal
            }
            guard let second else { throw refusal }
            let explained = await RedisConnection.explained(refusal, at: dialling(second))
            await second.close()
            throw explained
        }
    }

    private func dialling(_ tunnel: RedisSentinels.Tunnel) -> RedisEndpoint {
        var endpoint = self
        (endpoint.dialAddress, endpoint.dialPort) = (tunnel.address, tunnel.port)
        return endpoint
    }
}
