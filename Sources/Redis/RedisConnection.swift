import ClientKit

/// One connection to a Redis server, on a thread of its own, so that waiting for the server blocks nobody else.
///
/// Made and used through its two faces, ``RedisReader`` and ``RedisWriter``. A broken connection stays broken: connect again.
public actor RedisConnection {
    /// Where the connection was asked to go.
    public nonisolated let endpoint: RedisEndpoint
    private let observer: any ActivityObserver
    private let executor = SerialQueueExecutor(label: "runner.redis")
    private var socket: TCPSocket?
    private var parser = RESPParser()
    private var hasAnswered = false

    /// Runs on the connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(_ endpoint: RedisEndpoint, _ observer: any ActivityObserver) {
        self.endpoint = endpoint
        self.observer = observer
    }

    /// Whether the connection is up as far as this side knows; no round trip is made.
    public var isAlive: Bool { socket?.isQuiet ?? false }

    /// Closes the connection; what is called afterwards throws.
    public func close() {
        socket = nil
    }

    /// Dials, authenticates, selects the database, and proves with PING that the server answers.
    static func open(
        _ endpoint: RedisEndpoint, observer: any ActivityObserver
    ) async throws(RedisError) -> RedisConnection {
        let connection = RedisConnection(endpoint, observer)
        try await connection.logIn()
        return connection
    }

    private func logIn() async throws(RedisError) {
        let place = endpoint.place
        if endpoint.password?.isEmpty == true {
            throw RedisError(
                .invalidInput, attempt: "connect to Redis", host: place, cause: "the password is empty",
                remedy: "Give the password, or none at all for a server that wants none.", kind: .badInput)
        }
        let first = endpoint.password.map { Command(authenticating: endpoint.user, password: $0) } ?? Command.ping
        // The first command dials, so that the record has one entry for the login, whatever comes of it.
        _ = try await run(first) { () throws(RedisError) in
            socket = try dial(attempt: first.attempt)
        }
        if endpoint.database != 0 { _ = try await run(Command(["SELECT", String(endpoint.database)], .read)) }
        if endpoint.password != nil { _ = try await run(.ping) }
    }

    /// Runs one command between the observer's `willBegin` and `didEnd`.
    func run(
        _ command: Command, after prepare: () throws(RedisError) -> Void = {}
    ) async throws(RedisError) -> RESPValue {
        let place = endpoint.place
        let activity = Activity(
            channel: .redis, host: place, for: command.purpose, command: command.shown, effect: command.effect)
        do {
            try await observer.willBegin(activity)
        } catch {
            throw RedisError(notRecorded: error, attempt: "record before: \(command.attempt)", host: place)
        }
        let clock = ContinuousClock()
        let start = clock.now
        // From here to the result nothing suspends, so that commands of two tasks cannot mix on the wire.
        let result = Result { () throws(RedisError) in
            try prepare()
            return try perform(command)
        }
        let duration = clock.now - start
        if case .success(let value) = result {
            observer.didReceive(Array(value.recordedText.utf8)[...], from: .stdout, of: activity)
        }
        do {
            try await observer.didEnd(activity, ActivityOutcome(status: result.status, duration: duration))
        } catch {
            throw RedisError(notRecorded: error, attempt: "record after: \(command.attempt)", host: place)
        }
        return try result.get()
    }

    private func dial(attempt: String) throws(RedisError) -> TCPSocket {
        let limit = endpoint.connectTimeout
        let addresses = endpoint.dialAddress.map { [$0] } ?? numericAddresses(of: endpoint.host, until: .now + limit)
        var failure: SocketFailure?
        for address in addresses {
            do throws(SocketFailure) {
                return try TCPSocket(address: address, port: endpoint.dialPort ?? endpoint.port, until: .now + limit)
            } catch {
                failure = error
            }
        }
        throw RedisError(dialling: failure, attempt: attempt, host: endpoint.place)
    }

    private func perform(_ command: Command) throws(RedisError) -> RESPValue {
        let place = endpoint.place
        guard let socket, socket.isQuiet || !hasAnswered else {
            self.socket = nil
            throw RedisError(
                .connectionLost, attempt: command.attempt, host: place, cause: "not sent: the connection is closed",
                remedy: "Check the server and the way to it, then resume.", kind: .unreachable)
        }
        let value: RESPValue
        do {
            value = try exchange(command, on: socket)
        } catch {
            // An answer that is still on its way would be taken for the answer to the next command.
            self.socket = nil
            throw RedisError(error, command: command, host: place, hadAnswered: hasAnswered)
        }
        hasAnswered = true
        if case .error(let text) = value {
            throw RedisError(
                answer: text.redacting(command.secrets), attempt: command.attempt, host: place, isLogin: command.isLogin
            )
        }
        return value
    }

    private func exchange(_ command: Command, on socket: TCPSocket) throws -> RESPValue {
        let deadline = ContinuousClock.now + endpoint.commandTimeout
        try socket.send(encodeRESP(command.words), until: deadline)
        while true {
            if let value = try parser.next() {
                guard parser.isEmpty else { throw RESPViolation(text: "more came than was asked for") }
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
