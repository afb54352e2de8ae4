import ClientKit

/// Finds out, after a failed login, whether the two sides disagree on TLS.
struct TLSProbe {
    let endpoint: RedisEndpoint
    /// The numeric address to dial.
    let address: String

    /// `refusal`, or its underlying cause if the peer shows one.
    func explained(_ refusal: RedisError) -> RedisError {
        guard let reason = refusal.suspicion(at: endpoint) else { return refusal }
        return (reason == .wantsTLS ? wantsTLS() : isPlainRedis()) ? refusal.because(reason) : refusal
    }

    /// Whether a peer that closes a plain connection answers a TLS handshake.
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

    /// Whether a peer that fails the TLS handshake answers like Redis without TLS.
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
        let deadline = ContinuousClock.now + endpoint.connectTimeout.duration
        let port = endpoint.dialPort ?? endpoint.port
        return (try TCPStream(address: address, port: port, until: deadline), deadline)
    }
}

extension RedisError {
    /// The cause of this failure that a second connection to `endpoint` may confirm; nil if it
    /// could confirm none.
    fileprivate func suspicion(at endpoint: RedisEndpoint) -> Reason? {
        switch reason {
        case .closedBeforeLogin: endpoint.trusted == nil ? .wantsTLS : .wantsNoTLS
        case .connectDeadline, .notTLS: endpoint.trusted == nil ? nil : .wantsNoTLS
        default: nil
        }
    }
}

extension RedisEndpoint {
    /// The result of `open` for the server that `forward` leads to.
    ///
    /// A tunnel serves one connection: if TLS may be why it failed, a second one shows the cause.
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
            // The tunnel may still be unused.
            await first.close()
            guard refusal.suspicion(at: endpoint) != nil else { throw refusal }
            let second: RedisSentinels.Tunnel?
            do {
                second = try await forward(place)
            } catch {
                // Without a second tunnel, only the first failure is known.
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
