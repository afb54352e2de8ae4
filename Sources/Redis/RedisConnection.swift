import ClientKit

/// One connection to a Redis server, on its own thread, so that waiting for the server blocks
/// nothing else.
///
/// Created and used through ``RedisReader`` and ``RedisWriter``. A broken connection stays broken:
/// connect again.
public actor RedisConnection {
    /// The endpoint that was given.
    public nonisolated let endpoint: RedisEndpoint
    let observer: any ActivityObserver
    let clocks: PeerClocks
    private let executor = SerialQueueExecutor(label: "runner.redis")
    private var socket: TCPStream?
    /// The numeric address that was dialled last.
    private var dialled: String?
    private var parser = RESPParser()
    private var hasAnswered = false

    /// Runs on the connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(to endpoint: RedisEndpoint, observer: any ActivityObserver) {
        self.endpoint = endpoint
        self.observer = observer
        clocks = observer.clocks
    }

    /// Whether the connection is up as far as this side knows, without a round trip.
    public var isAlive: Bool { socket?.isQuiet ?? false }

    /// Closes the connection; later calls throw.
    public func close() {
        socket = nil
    }

    /// Connects, authenticates, selects the database, and verifies with PING that the server
    /// responds.
    static func open(
        _ endpoint: RedisEndpoint, observer: any ActivityObserver
    ) async throws(RedisError) -> RedisConnection {
        let connection = RedisConnection(to: endpoint, observer: observer)
        try await connection.logIn()
        return connection
    }

    private func logIn() async throws(RedisError) {
        let place = endpoint.place
        if endpoint.password?.isEmpty == true {
            throw RedisError(
                .invalidInput, attempt: "connect to Redis", host: place, cause: "the password is empty",
                remedy: "provide the password, or none if the server requires none", kind: .badInput)
        }
        let first = endpoint.password.map { Command(authenticating: endpoint.user, password: $0) } ?? Command.ping
        if endpoint.user != nil, endpoint.password == nil {
            throw RedisError(
                .invalidInput, attempt: "connect to Redis", host: place,
                cause: "a user is specified without a password",
                remedy: "add the user's password to the credentials file", kind: .badInput)
        }
        do throws(RedisError) {
            // The first command dials, so that the record has one entry for the login, whatever its
            // result.
            _ = try await run(first) { () throws(RedisError) in
                socket = try dial(attempt: first.attempt)
            }
        } catch {
            throw await explained(error)
        }
        if endpoint.database != 0 { _ = try await run(Command(["SELECT", String(endpoint.database)], .read)) }
        if endpoint.password != nil { _ = try await run(.ping) }
        if !endpoint.isSentinel { try await learnClock() }
    }

    /// Runs one command between the observer's `willBegin` and `didEnd`.
    func run(
        _ command: Command, after prepare: () throws(RedisError) -> Void = {}
    ) async throws(RedisError) -> RESPValue {
        let place = endpoint.place
        let activity = Activity(
            channel: .redis, host: place, as: .init(user: endpoint.user, database: "\(endpoint.database)"),
            for: command.purpose, command: command.shown, effect: command.effect)
        do {
            try await observer.willBegin(activity)
        } catch {
            throw RedisError(refused: error, attempt: command.attempt, host: place)
        }
        let clock = ContinuousClock()
        let start = clock.now
        // Nothing suspends from here to the result, so that the commands of two tasks cannot mix on
        // the wire.
        let result = Result { () throws(RedisError) in
            try prepare()
            return try perform(withinTerm(command))
        }
        let duration = clock.now - start
        if case .success(let value) = result {
            observer.didReceive(Array(value.recordedText.utf8)[...], from: .stdout, of: activity)
        }
        do {
            try await observer.didEnd(activity, ActivityOutcome(status: result.status, duration: duration))
        } catch {
            throw RedisError(notRecorded: error, attempt: "record the end of: \(command.attempt)", host: place)
        }
        return try result.get()
    }

    /// `refusal` of the login, or its underlying cause if the peer shows one.
    private func explained(_ refusal: RedisError) async -> RedisError {
        guard refusal.code == "ERR" else {
            // A tunnel serves one connection, and this one is used up; see
            // `RedisEndpoint.connect(through:open:)`.
            guard endpoint.dialPort == nil, let dialled else { return refusal }
            return TLSProbe(endpoint: endpoint, address: dialled).explained(refusal)
        }
        // A server that requires no password answers without one; most Sentinels require none.
        do throws(RedisError) {
            let answer = try await run(Command(["INFO"], .read))
            guard case .bulk(let bytes?) = answer else { return refusal }
            guard !endpoint.isSentinel else { return refusal.because(.wantsNoPassword) }
            let info = RedisInfo(text: String(decoding: bytes, as: UTF8.self))
            return info.unsuitability(at: endpoint.place, attempt: refusal.attempt)
                ?? refusal.because(.wantsNoPassword)
        } catch {
            return refusal
        }
    }

    /// `refusal` of a connection through one tunnel, with the cause that `endpoint` shows through
    /// another.
    static func explained(_ refusal: RedisError, at endpoint: RedisEndpoint) async -> RedisError {
        await RedisConnection(to: endpoint, observer: IgnoringObserver()).probed(refusal)
    }

    private func probed(_ refusal: RedisError) -> RedisError {
        guard let address = endpoint.dialAddress else { return refusal }
        return TLSProbe(endpoint: endpoint, address: address).explained(refusal)
    }

    private func session(trusting trusted: String) throws(StreamFailure) -> TLSSession {
        do throws(TLSFailure) {
            return try TLSSession(with: endpoint.host, trusting: trusted)
        } catch {
            throw .tls(error)
        }
    }

    private func addresses() throws(LookUpFailure) -> [String] {
        if let address = endpoint.dialAddress { return [address] }
        return try numericAddresses(of: endpoint.host, within: endpoint.connectTimeout)
    }

    /// Tries one address after another until one accepts the connection.
    private func dial(attempt: String) throws(RedisError) -> TCPStream {
        var rest: [String]
        do throws(LookUpFailure) {
            rest = try addresses()
        } catch {
            throw RedisError(error, attempt: attempt, host: endpoint.place)
        }
        var causes: [String] = []
        while true {
            let address = rest.removeFirst()
            dialled = address
            do throws(StreamFailure) {
                return try stream(to: address)
            } catch {
                let failure = RedisError(
                    dialling: error, attempt: attempt, host: endpoint.place, within: endpoint.connectTimeout)
                causes.append("\(address): \(failure.cause)")
                guard rest.isEmpty else { continue }
                throw causes.count == 1 ? failure : failure.with(cause: causes.joined(separator: "; "))
            }
        }
    }

    private func stream(to address: String) throws(StreamFailure) -> TCPStream {
        let deadline = ContinuousClock.now + endpoint.connectTimeout.duration
        let port = endpoint.dialPort ?? endpoint.port
        let stream = try TCPStream(address: address, port: port, until: deadline)
        if let trusted = endpoint.trusted { try stream.start(session(trusting: trusted), until: deadline) }
        return stream
    }

    private func perform(_ command: Command) throws(RedisError) -> RESPValue {
        let place = endpoint.place
        guard let socket, socket.isQuiet || !hasAnswered else {
            self.socket = nil
            throw RedisError(
                .connectionLost, attempt: command.attempt, host: place, cause: "not sent: the connection is closed",
                remedy: "check the server and the network path to it, then resume", kind: .unreachable)
        }
        let value: RESPValue
        do {
            value = try exchange(command, on: socket)
        } catch {
            // An answer that arrives later would be taken for the answer to the next command.
            self.socket = nil
            throw RedisError(
                error, command: command, host: place, hadAnswered: hasAnswered, within: endpoint.commandTimeout)
        }
        hasAnswered = true
        if case .error(let text) = value {
            throw RedisError(
                answer: command.shown(answer: text), attempt: command.attempt, host: place, isLogin: command.isLogin)
        }
        return value
    }

    private func exchange(_ command: Command, on socket: TCPStream) throws -> RESPValue {
        let deadline = ContinuousClock.now + endpoint.commandTimeout.duration
        try socket.send(encodeRESP(command.words), until: deadline)
        while true {
            if let value = try parser.next() {
                guard parser.isEmpty else { throw RESPViolation(text: "more was received than requested") }
                return value
            }
            parser.append(try socket.receive(until: deadline))
        }
    }
}

extension Result where Success == RESPValue, Failure == RedisError {
    fileprivate var status: ActivityOutcome.Status {
        switch self {
        case .success: .exited(0)
        case .failure(let error): error.code.map { .refused(code: $0) } ?? .unknown(error.cause)
        }
    }
}
