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
    private let executor = SerialQueueExecutor(label: "runner.postgres")
    private var handle: LibPQHandle?
    private var session: Session?

    /// Runs on the connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(
        to endpoint: PostgresEndpoint, for access: Access, observer: any ActivityObserver
    ) {
        self.endpoint = endpoint
        self.access = access
        self.observer = observer
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
                let opened = try SessionOpener(endpoint: endpoint, access: access, attempt: attempt).open()
                handle = opened.handle
                session = opened.session
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
        // Nothing suspends from here to the result, so that the statements of two tasks cannot mix
        // on the wire.
        let result = body()
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
        let isGuarded = statement.effect == .change || session?.isReadOnly == true
        do throws(StatementFailure) {
            let reply =
                isGuarded
                ? try handle.run(
                    statement.sql, with: statement.parameters, isSeveral: statement.count > 1, until: deadline)
                : try handle.runReadOnly(statement.sql, with: statement.parameters, until: deadline)
            return .success(reply)
        } catch {
            // An answer that arrives later would be taken for the answer to the next statement.
            if !handle.isIdle { self.handle = nil }
            return .failure(statement.error(error, host: place, within: limit))
        }
    }

    /// `name` quoted for this server; throws if PostgreSQL would truncate it.
    func identifier(_ name: String) throws(PostgresError) -> String {
        let attempt = "name an object of PostgreSQL"
        guard !name.isEmpty, name.utf8.count <= 63, !name.utf8.contains(0) else {
            throw PostgresError(
                invalid: "the name \(name.debugDescription) is empty, longer than 63 bytes, or contains a NUL byte",
                attempt: attempt, host: place, remedy: "choose a name of 1 to 63 bytes")
        }
        return try quoted(attempt) { $0.quotedIdentifier(name) }
    }

    /// `text` as a literal for this server.
    func literal(_ text: String) throws(PostgresError) -> String {
        try quoted("quote a value for PostgreSQL") { $0.quotedLiteral(text) }
    }

    /// The SCRAM verifier of `password`, which must itself be kept secret.
    func verifier(of password: Secret, role: String) throws(PostgresError) -> String {
        let attempt = "prepare the password of role \(role)"
        guard !password.isEmpty, !password.reveal().utf8.contains(0) else {
            throw PostgresError(
                invalid: "the password is empty or contains a NUL byte", attempt: attempt, host: place,
                remedy: "choose another password")
        }
        return try quoted(attempt) { $0.scramVerifier(for: password.reveal(), role: role) }
    }

    private func quoted(
        _ attempt: String, body: (LibPQHandle) -> String?
    ) throws(PostgresError) -> String {
        let closed = Statement("", effect: .read).error(
            .notSent("the connection is closed"), host: place, within: endpoint.statementTimeout)
        guard let handle else { throw closed }
        guard let text = body(handle) else {
            throw PostgresError(invalid: handle.errorText, attempt: attempt, host: place)
        }
        return text
    }
}

extension Result where Success == Reply, Failure == PostgresError {
    fileprivate var status: ActivityOutcome.Status {
        switch self {
        case .success: .exited(0)
        case .failure(let error):
            // A change that may have been made is not simply refused, even if the server gave a
            // reason.
            if let code = error.sqlState, error.kind != .unknownOutcome {
                .refused(code: code)
            } else {
                .unknown(error.cause)
            }
        }
    }
}
