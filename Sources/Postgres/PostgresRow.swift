import ClientKit
import Foundation

/// A row of an answer, with its values in PostgreSQL's text format.
public struct PostgresRow: Sendable {
    private let columns: [String: Int]
    private let values: [String?]
    private let place: String

    static func rows(of reply: Reply, place: String) -> [PostgresRow] {
        // If several columns have the same name, the first one counts.
        let columns = Dictionary(reply.columns.enumerated().map { ($1, $0) }) { first, _ in first }
        return reply.rows.map { PostgresRow(columns: columns, values: $0, place: place) }
    }

    /// The text of a column; `nil` if it is NULL or there is no such column.
    public subscript(column: String) -> String? {
        columns[column].flatMap { values[$0] }
    }

    /// The value of a column, which must exist and be a `Value`.
    public func value<Value: PostgresValue>(
        _ column: String, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard let value = try optional(column, as: type) else {
            throw unexpected("column \(column) is NULL, but a \(Value.self) was expected")
        }
        return value
    }

    /// The value of a column, which must exist and be a `Value` or NULL.
    public func optional<Value: PostgresValue>(
        _ column: String, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value? {
        guard let index = columns[column] else { throw unexpected("the answer has no column \(column)") }
        return try read(values[index], of: "column \(column)")
    }

    /// The value of a column of type json or jsonb.
    public func json<Value: Decodable>(_ column: String, as type: Value.Type = Value.self) throws(PostgresError)
        -> Value
    {
        let text: String = try value(column)
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw unexpected("column \(column) is not the JSON of a \(Value.self)")
        }
    }

    func first<Value: PostgresValue>(as type: Value.Type) throws(PostgresError) -> Value? {
        guard let text = values.first else { throw unexpected("the answer has no column") }
        return try read(text, of: "the first column")
    }

    private func read<Value: PostgresValue>(_ text: String?, of column: String) throws(PostgresError) -> Value? {
        guard let text else { return nil }
        guard let value = Value(postgresText: text) else { throw unexpected("\(column) is not a \(Value.self)") }
        return value
    }

    private func unexpected(_ cause: String) -> PostgresError {
        PostgresError(
            .unexpectedAnswer, attempt: "read an answer", host: place, cause: cause,
            remedy: "check that this version of runner supports the database's schema", kind: .failed)
    }
}

/// A type that a column's text can be read as.
public protocol PostgresValue: Sendable {
    /// Reads PostgreSQL's text format; `nil` if it is not a value of this type.
    init?(postgresText: String)
}

extension String: PostgresValue {
    /// The text itself.
    public init?(postgresText: String) { self = postgresText }
}

extension Int: PostgresValue {
    /// A number in decimal digits.
    public init?(postgresText: String) { self.init(postgresText) }
}

extension Double: PostgresValue {
    /// A number, including PostgreSQL's `NaN` and `Infinity`.
    public init?(postgresText: String) { self.init(postgresText) }
}

extension Bool: PostgresValue {
    /// `t` or `f`.
    public init?(postgresText: String) {
        switch postgresText {
        case "t": self = true
        case "f": self = false
        default: return nil
        }
    }
}
