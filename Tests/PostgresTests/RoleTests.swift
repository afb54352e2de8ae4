import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

extension PostgresServerTests.EveryVersion {
    @Suite struct RoleTests {
        private let server: PostgresServer
        private let observer = RecordingObserver()

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func writer() async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
        }

        static let hostile = [
            "it's", "say \"hi\"", "$HOME $(id) `id`", "back\\slash\\", "100%s %n", "grüße Ж 漢字 \u{1F600}", "a;b--c",
            "'; DROP ROLE kb_admin; --", "x'||'y", " lead and trail ",
        ]

        @Test(arguments: hostile) func anyNameAndPasswordWork(text: String) async throws {
            let name = "role \(text)"
            let password = Secret("pw \(text)" + String(repeating: "z", count: 200 - 3 - text.count))
            let state = try await writer().ensureRole(name, password: password)
            #expect(state.attributes == RoleAttributes() && state.name == name)
            let endpoint = server.endpoint().loggingIn(as: name, password: password)
            let reader = try await PostgresReader.connect(to: endpoint, observer: observer)
            #expect(try await reader.value("SELECT current_user::text") == name)
            #expect(!server.log.contains(password.reveal()))
            #expect(!observer.everything.contains(password.reveal()))
            #expect(!observer.everything.contains("SCRAM-SHA-256$"))
            #expect(observer.everything.contains("PASSWORD"))
        }

        @Test func onlyTheVerifierReachesTheServer() async throws {
            let writer = try await writer()
            try await writer.ensureRole("verified", password: Secret("first-password"))
            try await writer.setPassword(Secret("second-password"), of: "verified")
            #expect(!server.log.contains("first-password") && !server.log.contains("second-password"))
            #expect(server.log.contains("ALTER ROLE \"verified\" PASSWORD 'SCRAM-SHA-256$4096:"))
            let command = try #require(observer.entries.last?.activity.command)
            #expect(command == ["ALTER ROLE \"verified\" PASSWORD '•••'"])
            let old = server.endpoint().loggingIn(as: "verified", password: Secret("first-password"))
            let error = try await failure { () throws(PostgresError) in
                try await PostgresReader.connect(to: old, observer: IgnoringObserver())
            }
            #expect(error.sqlState == "28P01")
        }

        @Test func aServerThatRepeatsStatementsToTheClientDoesNotReachTheRecord() async throws {
            let writer = try await writer()
            try await writer.execute("SELECT set_config('client_min_messages', 'log', false)")
            try await writer.ensureRole("echoed", password: Secret("pw"))
            let remarks = observer.entries.map(\.remarks).joined()
            #expect(remarks.contains("CREATE ROLE \"echoed\" LOGIN PASSWORD '•••'"))
            #expect(!remarks.contains("SCRAM-SHA-256$"))
        }

        @Test func anExistingRoleIsBroughtToWhatIsWantedAndKeepsItsPassword() async throws {
            let writer = try await writer()
            try await writer.execute(
                "CREATE ROLE drifted NOLOGIN SUPERUSER CREATEDB CONNECTION LIMIT 3 PASSWORD 'kept-pw' VALID UNTIL '2020-01-01'"
            )
            try await writer.execute("CREATE ROLE club")
            try await writer.execute("GRANT club TO drifted")
            let before = try #require(try await writer.roleState("drifted"))
            #expect(
                before.attributes.isSuperuser && before.attributes.connectionLimit == 3 && before.memberOf == ["club"])
            #expect(before.validUntil?.hasPrefix("2020-01-01") == true)
            let after = try await writer.ensureRole("drifted", password: Secret("not-used"))
            #expect(after.attributes == RoleAttributes() && after.validUntil == nil)
            _ = try await PostgresReader.connect(
                to: server.endpoint().loggingIn(as: "drifted", password: Secret("kept-pw")), observer: observer)
            let changes = observer.entries.filter { $0.activity.effect == .change }.count
            try await writer.ensureRole("drifted", password: Secret("not-used"))
            #expect(observer.entries.filter { $0.activity.effect == .change }.count == changes)
        }

        @Test func roleThatIsMissingIsNone() async throws {
            #expect(try await writer().roleState("nobody") == nil)
        }

        @Test func namesThatPostgresWouldCutAreRefused() async throws {
            let writer = try await writer()
            let before = observer.entries.count
            for name in ["", String(repeating: "x", count: 64), String(repeating: "é", count: 32), "a\0b"] {
                let error = try await failure { () throws(PostgresError) in
                    try await writer.ensureRole(name, password: Secret("pw"))
                }
                #expect(error.reason == .invalidInput && error.kind == .badInput)
            }
            #expect(observer.entries.count == before)
            let longest = String(repeating: "x", count: 63)
            #expect(try await writer.ensureRole(longest, password: Secret("pw")).name == longest)
        }

        @Test func twoThatCreateTheSameAtOnceBothSucceed() async throws {
            let server = server
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let writer = try await PostgresWriter.connect(
                            to: server.endpoint(), observer: IgnoringObserver())
                        for number in 0..<10 { try await writer.ensureRole("race \(number)", password: Secret("pw")) }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
