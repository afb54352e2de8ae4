import ClientKit

/// One session on a PostgreSQL server, on its own thread, so that waiting for the server blocks
/// nothing else.
///
/// Created and used through ``PostgresReader`` and ``PostgresWriter``. Statements of one connection
/// run one after another, each change in its own transaction. A broken connection stays broken:
/// connect again, and read the catalogue before repeating anything.
public actor PostgresConnection {
    enum Access: Sendable { case reading, writing }

    /// The endpoint that was given.
    public nonisolated let endpoint: PostgresEndpoint
    private let access: Access
    private let observer: any ActivityObserver
    private let clocks: PeerClocks
    private let executor = SerialQueueExecutor(label: "runner.postgres")
    private(set) var handle: LibPQHandle?
    private(set) var session: Session?

    /// Runs on the connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(
        to endpoint: PostgresEndpoint, for access: Access, observer: any ActivityObserver
    ) {
        self.endpoint = endpoint
        self.access = access
        self.observer = observer
        clocks = observer.clocks
    }

    static func open(
        _ endpoint: PostgresEndpoint, for access: Access, observer: any ActivityObserver
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = PostgresConnection(to: endpoint, for: access, observer: observer)
        try await connection.logIn()
        return connection
    }

    /// Whether the connection is up as far as this side knows, without a round trip.
    public var isAlive: Bool { handle?.isAlive ?? false }

    /// Whether a pooler such as PgBouncer is in between, so that session state does not outlive a
    /// transaction.
    public var isPooled: Bool { session?.isPooled ?? false }

    /// The server's version as a number, such as 150020 for 15.20.
    public var serverVersion: Int { session?.serverVersion ?? 0 }

    /// The server that accepted the login: `address:port/database`.
    public var place: String { session?.place ?? endpoint.hosts.map(endpoint.place).joined(separator: ", ") }

    /// Closes the connection; later calls throw.
    public func close() {
        handle = nil
    }

    private func logIn() async throws(PostgresError) {
        let attempt = "connect to PostgreSQL as \(endpoint.user)"
        if let mistake = endpoint.firstMistake() {
            throw PostgresError(
                invalid: mistake, attempt: attempt, host: place,
                remedy: "correct the inventory or the credentials file")
        }
        let activity = Activity(
            channel: .postgres, host: place, as: login, for: attempt, command: ["CONNECT AS \(endpoint.user)"],
            effect: .read)
        _ = try await observing(activity, attempt: attempt, hiding: [endpoint.password.reveal()]) {
            Result { () throws(PostgresError) in
                let presence = access == .writing ? observer.fence.map(SQLFence.presence) : nil
                let opener = SessionOpener(
                    endpoint: endpoint, access: access, attempt: attempt, presence: presence)
                let opened = try opener.open()
                handle = opened.handle
                session = opened.session
                clocks.note(opened.session.clock, of: opened.session.clockName)
                return Reply()
            }
        }
    }

    /// Runs one statement between the observer's `willBegin` and `didEnd`.
    func run(_ statement: Statement) async throws(PostgresError) -> Reply {
        if let mistake = statement.firstMistake() {
            throw PostgresError(invalid: mistake, attempt: statement.attempt, host: place)
        }
        let activity = Activity(
            channel: .postgres, host: place, as: login, for: statement.purpose, command: [statement.shown],
            effect: statement.effect)
        return try await observing(activity, attempt: statement.attempt, hiding: statement.secrets) {
            perform(statement)
        }
    }

    private var login: Activity.Login { .init(user: endpoint.user, database: endpoint.database) }

    private func observing(
        _ activity: Activity, attempt: String, hiding secrets: [String],
        body: () -> Result<Reply, PostgresError>
    ) async throws(PostgresError) -> Reply {
        do {
            try await observer.willBegin(activity)
        } catch {
            throw PostgresError(refused: error, attempt: attempt, host: activity.host)
        }
        let clock = ContinuousClock()
        let start = clock.now
        // Nothing suspends from here to an answer, so that the statements of two tasks cannot mix
        // on the wire.
        var result = body()
        while case .failure(let error) = result, let obstruction = error.obstruction, !Task.isCancelled,
            clock.now < start + endpoint.statementTimeout.duration + Self.margin
        {
            do {
                try await observer.willWait(activity, for: obstruction)
                try await Task.sleep(for: .milliseconds(200))
                result = body()
            } catch {
                result = .failure(PostgresError(refused: error, as: .fenced, attempt: attempt, host: activity.host))
            }
        }
        let duration = clock.now - start
        for notice in handle?.takeNotices() ?? [] {
            let text = notice.redacting(secrets).message + "\n"
            observer.didReceive(Array(text.utf8)[...], from: .stderr, of: activity)
        }
        if case .success(let reply) = result, !reply.recordedText.isEmpty {
            observer.didReceive(Array(reply.recordedText.utf8)[...], from: .stdout, of: activity)
        }
        do {
            try await observer.didEnd(activity, ActivityOutcome(status: result.status, duration: duration))
        } catch {
            throw PostgresError(notRecorded: error, attempt: "record the end of: \(attempt)", host: activity.host)
        }
        return try result.get()
    }

    /// How much later than the server's own limit the connection to a silent server is closed.
    private static let margin = Duration.seconds(2)

    private func perform(_ statement: Statement) -> Result<Reply, PostgresError> {
        let limit = endpoint.statementTimeout
        guard let handle else {
            return .failure(statement.error(.notSent("the connection is closed"), host: place, within: limit))
        }
        let deadline = ContinuousClock.now + limit.duration + Self.margin
        do throws(StatementFailure) {
            let reply =
                switch statement.effect {
                case .change: try change(statement, on: handle, until: deadline)
                case .read where session?.isReadOnly == true:
                    try handle.run(statement.sql, with: statement.parameters, until: deadline)
                case .read: try handle.runReadOnly(statement.sql, with: statement.parameters, until: deadline)
                }
            return .success(reply)
        } catch {
            // An answer that arrives later would be taken for the answer to the next statement.
            if !handle.isIdle { self.handle = nil }
            return .failure(statement.error(error, host: place, within: limit))
        }
    }

    /// Sends a change, with what makes the server refuse it where another run has the module.
    private func change(
        _ statement: Statement, on handle: LibPQHandle, until deadline: ContinuousClock.Instant
    ) throws(StatementFailure) -> Reply {
        guard let fence = observer.fence, let session else {
            return try handle.run(statement.sql, with: [], isSeveral: statement.count > 1, until: deadline)
        }
        let guards = SQLFence(fence: fence, end: clocks.end(of: fence, at: session.clockName))
        // A server writes a statement that it refuses into its log, as far as it has secrets too.
        if !statement.secrets.isEmpty { try ask(guards.guarding, on: handle, until: deadline) }
        guard statement.isAlone else {
            return try handle.run(together: guards.guarding + [statement.sql], until: deadline)
        }
        // A pooler may send each message to another session of the server, which must not keep what is set there.
        guard !session.isPooled else {
            try ask(guards.guarding, on: handle, until: deadline)
            return try handle.run(together: [statement.sql], until: deadline)
        }
        defer { leave(guards.leaving(server: session.serverVersion), on: handle, until: deadline) }
        try ask(guards.entering(server: session.serverVersion), on: handle, until: deadline)
        return try handle.run(together: [statement.sql], until: deadline)
    }

    /// Asks in a message of its own whether a change may be sent: however that ends, the change was not.
    private func ask(
        _ statements: [String], on handle: LibPQHandle, until deadline: ContinuousClock.Instant
    ) throws(StatementFailure) {
        do throws(StatementFailure) {
            _ = try handle.run(together: statements, until: deadline)
        } catch {
            throw .before(error)
        }
    }

    /// Gives back what the session took for a change; where that fails the session is closed, which does so, too.
    private func leave(_ statements: [String], on handle: LibPQHandle, until deadline: ContinuousClock.Instant) {
        do throws(StatementFailure) {
            _ = try handle.run(together: statements, until: deadline)
        } catch {
            self.handle = nil
        }
    }
}

extension Result where Success == Reply, Failure == PostgresError {
    fileprivate var status: ActivityOutcome.Status {
        switch self {
        case .success: .exited(0)
        case .failure(let error):
            // A change that may have been made is not simply refused, even if the server gave a
            // reason.
            if error.reason == .fenced {
                .refused(code: "fenced")
            } else if let code = error.sqlState, error.kind != .unknownOutcome {
                .refused(code: code)
            } else {
                .unknown(error.cause)
            }
        }
    }
}
