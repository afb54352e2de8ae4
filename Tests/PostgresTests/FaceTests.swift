import ClientKit
import DataServers
import Foundation
import TestSupport
import Testing

@testable import Postgres

extension PostgresServerTests {
    @Suite struct FaceTests {
        private let server: PostgresServer
        private let observer = RecordingObserver()

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func reader() async throws -> PostgresReader {
            try await PostgresReader.connect(to: server.endpoint(), observer: observer)
        }

        /// An answer that lacks the row that its query always has must not read as "there is nothing".
        @Test func noRowIsNoAnswer() async throws {
            let reader = try await reader()
            #expect(try await reader.row(of: "SELECT $1::text AS text", ["there"]).value("text") == "there")
            let missing = await #expect(throws: PostgresError.self) {
                try await reader.row(of: "SELECT $1::text AS text WHERE false", ["there"])
            }
            #expect(missing?.reason == .unexpectedAnswer)
        }

        @Test func valuesAreBoundAndReadBackByType() async throws {
            let hostile = "'; DROP TABLE x; -- \\ \"é\u{1F600}\n\t"
            let row = try #require(
                try await reader().query(
                    """
                    SELECT $1::text AS text, $2::text AS absent, 42 AS number, true AS yes, 1.5 AS part, \
                    '["a","b"]'::json AS list, 'x' AS twice, 'y' AS twice
                    """, [hostile, nil]
                ).first)
            #expect(try row.value("text") == hostile)
            #expect(try row.optional("absent", as: String.self) == nil)
            #expect(row["absent"] == nil && row["no such column"] == nil)
            #expect(try row.value("number") == 42)
            #expect(try row.value("yes") == true)
            #expect(try row.value("part") == 1.5)
            #expect(try row.json("list") == ["a", "b"])
            #expect(try row.value("twice") == "x")
            #expect(throws: PostgresError.self) { try row.value("absent", as: String.self) }
            #expect(throws: PostgresError.self) { try row.value("text", as: Int.self) }
            #expect(throws: PostgresError.self) { try row.optional("nowhere", as: Int.self) }
        }

        @Test func aReaderCannotWriteWhateverItIsAsked() async throws {
            let reader = try await reader()
            for sql in ["CREATE TABLE t ()", "CREATE ROLE r", "ALTER ROLE kb_admin CREATEDB"] {
                let error = try await failure { () throws(PostgresError) in try await reader.query(sql) }
                #expect(error.sqlState == "25006", "\(sql): \(error)")
            }
            try await reader.ping()
        }

        @Test func aWriterReadsWithoutWritingAndGoesOnAfterAnError() async throws {
            let writer = try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
            let error = try await failure { () throws(PostgresError) in try await writer.query("CREATE TABLE t ()") }
            #expect(error.sqlState == "25006")
            #expect(try await writer.value("SELECT 1") == 1)
            let rows = try await writer.query("SELECT $1::int + 1 AS sum", ["1"])
            #expect(try rows.first?.value("sum") == 2)
        }

        @Test func oneStatementMeansOne() async throws {
            let reader = try await reader()
            let error = try await failure { () throws(PostgresError) in try await reader.query("SELECT 1; SELECT 2") }
            #expect(error.sqlState == "42601")
        }

        @Test func aNULIsRefusedBeforeAnythingIsSent() async throws {
            let reader = try await reader()
            let count = observer.entries.count
            for (sql, value) in [("SELECT $1::text", "a\0b"), ("SELECT '\0'", "x")] {
                let error = try await failure { () throws(PostgresError) in try await reader.query(sql, [value]) }
                #expect(error.reason == .invalidInput && error.kind == .badInput)
            }
            #expect(observer.entries.count == count)
        }

        @Test func aBigAnswerAndABigValuePass() async throws {
            let reader = try await reader()
            let rows = try await reader.query("SELECT i, repeat('x', 100) AS x FROM generate_series(1, 100000) i")
            #expect(rows.count == 100_000)
            #expect(try rows.last?.value("i") == 100_000)
            let text = String(repeating: "0123456789abcdef", count: 1 << 18)
            #expect(try await reader.value("SELECT length($1)", [text]) == text.utf8.count)
        }

        @Test func everyStatementIsToldOnceBeforeAndOnceAfter() async throws {
            let writer = try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
            _ = try await writer.query("SELECT $1::text AS a, NULL AS b, E'x\\ty' AS c", ["secretless"])
            _ = try await failure { () throws(PostgresError) in try await writer.execute("SELECT 1/0") }
            let entries = observer.entries
            #expect(
                entries.map(\.activity.command) == [
                    ["CONNECT AS kb_admin"], ["SELECT $1::text AS a, NULL AS b, E'x\\ty' AS c"], ["SELECT 1/0"],
                ])
            #expect(entries.map(\.activity.effect) == [.read, .read, .change])
            #expect(entries.map(\.ends) == [[.exited(0)], [.exited(0)], [.refused(code: "22012")]])
            #expect(entries[1].output == "secretless\t\\N\tx\\ty\n")
            #expect(entries.allSatisfy { $0.activity.channel == .postgres })
            #expect(entries.allSatisfy { $0.activity.login?.database == "postgres" && $0.activity.login?.user != nil })
            #expect(entries.allSatisfy { $0.activity.host == "127.0.0.1:\(server.port)/postgres" })
        }

        @Test func whatCannotBeRecordedIsNotDone() async throws {
            let writer = try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
            observer.fillUp()
            let error = try await failure { () throws(PostgresError) in
                try await writer.execute("CREATE TABLE never_recorded ()")
            }
            #expect(error.reason == .notRecorded && error.kind == .stateNotWritable)
            #expect(error.attempt == "run CREATE TABLE never_recorded ()")
            #expect(error.cause == "nothing was sent: could not write: no space left on device")
            #expect(!server.log.contains("never_recorded"))
        }

        @Test func noticesGoToTheObserver() async throws {
            let writer = try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
            try await writer.execute("CREATE TABLE IF NOT EXISTS noticed ()")
            try await writer.execute("CREATE TABLE IF NOT EXISTS noticed ()")
            #expect(observer.entries.last?.remarks == "relation \"noticed\" already exists, skipping\n")
            #expect(observer.entries.last?.output == "CREATE TABLE\n")
        }

        @Test func statementsOfManyTasksDoNotMix() async throws {
            let reader = try await reader()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<50 {
                    group.addTask { try await reader.value("SELECT $1::int", [String(number)]) == number }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }
}
