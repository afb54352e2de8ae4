public import ClientKit

/// A connection through which a database can be read.
public protocol PostgresReading: Sendable {
    /// The underlying connection.
    var connection: PostgresConnection { get }
}

/// The connection for `check` and `verify`: it has no method that changes anything, and its session
/// is read-only.
public struct PostgresReader: PostgresReading {
    /// The underlying connection.
    public let connection: PostgresConnection

    /// Connects and logs in; the session runs with `default_transaction_read_only=on`.
    public static func connect(
        to endpoint: PostgresEndpoint, observer: any ActivityObserver
    ) async throws(PostgresError) -> PostgresReader {
        PostgresReader(connection: try await .open(endpoint, for: .reading, observer: observer))
    }
}

/// The connection for `apply`: reads like ``PostgresReader`` (in read-only transactions), and makes
/// changes.
public struct PostgresWriter: PostgresReading {
    /// The underlying connection.
    public let connection: PostgresConnection

    /// Connects and logs in.
    public static func connect(
        to endpoint: PostgresEndpoint, observer: any ActivityObserver
    ) async throws(PostgresError) -> PostgresWriter {
        PostgresWriter(connection: try await .open(endpoint, for: .writing, observer: observer))
    }

    /// Runs one statement that changes something, and returns its rows, if any.
    ///
    /// An error of kind `unknownOutcome` means that it was sent and may or may not have taken
    /// effect.
    @discardableResult
    public func execute(_ sql: String) async throws(PostgresError) -> [PostgresRow] {
        try await rows(Statement(changing: sql))
    }
}

extension PostgresReading {
    /// Runs one query, with `parameters` for `$1`, `$2`… in PostgreSQL's text form.
    public func query(_ sql: String, _ parameters: [String?] = []) async throws(PostgresError) -> [PostgresRow] {
        try await rows(Statement(reading: sql, parameters))
    }

    /// The first column of a query's first row; `nil` if there is no row or the value is NULL.
    public func value<Value: PostgresValue>(
        _ sql: String, _ parameters: [String?] = [], as type: Value.Type = Value.self
    ) async throws(PostgresError) -> Value? {
        try await query(sql, parameters).first?.first(as: type)
    }

    /// The first row of a query that always has one; no row is no answer, and not one that says "nothing".
    func row(of sql: String, _ parameters: [String?]) async throws(PostgresError) -> PostgresRow {
        guard let row = try await query(sql, parameters).first else {
            throw PostgresError(
                .unexpectedAnswer, attempt: "read the catalogue", host: await connection.place,
                cause: "no row came back", remedy: "check the PostgreSQL server's log", kind: .failed)
        }
        return row
    }

    /// Verifies with a round trip that the server still responds.
    public func ping() async throws(PostgresError) {
        _ = try await query("SELECT 1")
    }

    func rows(_ statement: Statement) async throws(PostgresError) -> [PostgresRow] {
        PostgresRow.rows(of: try await connection.run(statement), place: await connection.place)
    }
}
