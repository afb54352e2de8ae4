import ClientKit
import CLibPQ
import Foundation

/// The answer to a statement.
struct Reply {
    var columns: [String] = []
    var rows: [[String?]] = []
    /// The command's tag, such as `SELECT 3`.
    var tag = ""
}

/// Why a statement has no answer.
indirect enum StatementFailure: Error {
    /// What is asked before the statement had no answer that allows it, so that it was not sent.
    case before(StatementFailure)
    /// The server refused it; `ended` if it also ended the connection.
    case server(ServerMessage, ended: Bool)
    /// The connection was gone before anything was sent.
    case notSent(String)
    /// The connection broke while the answer was awaited.
    case lost(String)
    case deadline
    case interrupted
}

extension LibPQHandle {
    /// Sends one statement, or several that are one transaction, and waits for the whole answer.
    ///
    /// Success requires the server's ReadyForQuery after the last result: CommandComplete is sent
    /// before the commit. After ``StatementFailure/deadline`` or ``StatementFailure/interrupted``
    /// the handle must be thrown away.
    func run(
        _ sql: String, with parameters: [String?], isSeveral: Bool = false, until deadline: ContinuousClock.Instant
    ) throws(StatementFailure) -> Reply {
        guard isAlive else { throw .notSent(errorText) }
        guard isSeveral ? PQsendQuery(pointer, sql) == 1 : send(sql, with: parameters) else {
            throw PQstatus(pointer) == CONNECTION_OK ? .notSent(errorText) : .lost(errorText)
        }
        try flush(until: deadline)
        var reply = Reply()
        var refusal: ServerMessage?
        while let result = try nextResult(until: deadline) {
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                reply = Reply(result: result)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                throw .lost("COPY is not supported here")
            default:
                // The first message is the cause; "server closed the connection" may follow it.
                if refusal == nil || refusal?.sqlState == "" { refusal = ServerMessage(result: result) }
            }
        }
        let isUp = PQstatus(pointer) == CONNECTION_OK
        if let refusal {
            throw refusal.sqlState.isEmpty ? .lost(refusal.message) : .server(refusal, ended: !isUp)
        }
        guard isUp else { throw .lost(errorText) }
        return reply
    }

    /// Runs several statements as one transaction, and returns the answer to the last one.
    func run(together statements: [String], until deadline: ContinuousClock.Instant) throws(StatementFailure) -> Reply {
        try run(statements.joined(separator: "; "), with: [], isSeveral: true, until: deadline)
    }

    /// Runs one statement in a read-only transaction.
    func runReadOnly(
        _ sql: String, with parameters: [String?], until deadline: ContinuousClock.Instant
    ) throws(StatementFailure) -> Reply {
        _ = try run("BEGIN TRANSACTION READ ONLY", with: [], until: deadline)
        do throws(StatementFailure) {
            let reply = try run(sql, with: parameters, until: deadline)
            _ = try run("COMMIT", with: [], until: deadline)
            return reply
        } catch {
            if case .server(_, ended: false) = error { _ = try run("ROLLBACK", with: [], until: deadline) }
            throw error
        }
    }

    /// Whether no statement is running and no transaction is open.
    var isIdle: Bool { PQtransactionStatus(pointer) == PQTRANS_IDLE }

    private func send(_ sql: String, with parameters: [String?]) -> Bool {
        let copies = parameters.map { $0.flatMap { strdup($0) } }
        defer { for copy in copies { free(copy) } }
        let values = copies.map { UnsafePointer($0) }
        return PQsendQueryParams(pointer, sql, Int32(values.count), nil, values, nil, nil, 0) == 1
    }

    private func flush(until deadline: ContinuousClock.Instant) throws(StatementFailure) {
        while true {
            switch PQflush(pointer) {
            case 0: return
            case 1:
                // A server that answers early stops reading until its answer is read.
                try wait(for: Int32(POLLIN) | Int32(POLLOUT), until: deadline)
                guard PQconsumeInput(pointer) == 1 else { throw .lost(errorText) }
            default: throw .lost(errorText)
            }
        }
    }

    private func nextResult(until deadline: ContinuousClock.Instant) throws(StatementFailure) -> OpaquePointer? {
        while PQisBusy(pointer) == 1 {
            try wait(for: Int32(POLLIN), until: deadline)
            // After a failure libpq still returns the results before it, then one that describes
            // it.
            guard PQconsumeInput(pointer) == 1 else { break }
        }
        return PQgetResult(pointer)
    }

    private func wait(for events: Int32, until deadline: ContinuousClock.Instant) throws(StatementFailure) {
        switch waitForSocket(PQsocket(pointer), events: events, until: deadline) {
        case .ready: return
        case .deadline: throw .deadline
        case .interrupted: throw .interrupted
        }
    }
}

extension Reply {
    fileprivate init(result: OpaquePointer) {
        let width = PQnfields(result)
        columns = (0..<width).map { column in PQfname(result, column).map { String(cString: $0) } ?? "" }
        rows = (0..<PQntuples(result)).map { row in
            (0..<width).map { column in
                guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else {
                    return nil
                }
                let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        tag = PQcmdStatus(result).map { String(cString: $0) } ?? ""
    }

    /// The answer as text for the record: `COPY`'s text format, or the command's tag where there
    /// are no columns.
    var recordedText: String {
        guard !columns.isEmpty else { return tag.isEmpty ? "" : tag + "\n" }
        return rows.map { row in row.map(Self.escaped).joined(separator: "\t") + "\n" }.joined()
    }

    private static func escaped(_ value: String?) -> String {
        guard let value else { return "\\N" }
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }) else { return value }
        return value.replacing("\\", with: "\\\\").replacing("\t", with: "\\t")
            .replacing("\n", with: "\\n").replacing("\r", with: "\\r")
    }
}

extension LibPQHandle {
    /// `name` in double quotes as this connection's server reads it, or libpq's reason.
    func quotedIdentifier(_ name: String) -> String? {
        quoted(name, by: PQescapeIdentifier)
    }

    /// `text` as a string literal of this connection's server.
    func quotedLiteral(_ text: String) -> String? {
        quoted(text, by: PQescapeLiteral)
    }

    /// The verifier that the server stores instead of `password`, so that the password itself is
    /// never sent in a statement.
    func scramVerifier(for password: String, role: String) -> String? {
        // Without an algorithm libpq would use the server's setting, which may be md5.
        guard let verifier = PQencryptPasswordConn(pointer, password, role, "scram-sha-256") else { return nil }
        defer { PQfreemem(verifier) }
        return String(cString: verifier)
    }

    private func quoted(
        _ text: String, by escape: (OpaquePointer?, UnsafePointer<CChar>?, Int) -> UnsafeMutablePointer<CChar>?
    ) -> String? {
        guard let copy = escape(pointer, text, text.utf8.count) else { return nil }
        defer { PQfreemem(copy) }
        return String(cString: copy)
    }
}
