import ClientKit
import DataServers
import Foundation
import Postgres
import StepKit
import TestSupport
import Testing

@testable import Steps

/// What a step does to a database on a server of its own, in a process that can be killed.
final class DatabaseScenario: Sendable {
    /// What there is to do.
    enum Kind: String, CaseIterable, Sendable {
        /// Role, database and extensions, from nothing.
        case create
        /// A database of another owner with tables of another owner, and a role with another password.
        case takeOver
        /// A database to set aside.
        case reset
    }

    /// One change of a process.
    struct Change {
        let number: Int
        let words: String
        let duration: Duration
    }

    /// What a process said, and how it ended.
    struct Attempt {
        var changes: [Change] = []
        /// What it said besides.
        var error: String?
        var wasKilled = false
    }

    /// What the server has: in words, and the numbers by which it knows its objects.
    struct State {
        let text: String
        let identities: [String]
    }

    /// What happens without a kill.
    struct Undisturbed {
        let changes: [Change]
        /// Before the first change, and after each.
        let states: [State]
    }

    private static let helper = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "EngineCrash").path
    private static let aside = "chatwoot_before_20261124t120000z"

    private let kind: Kind
    private let server: PostgresServer
    private let superuser: PostgresWriter
    private let oldPassword: String

    init(_ kind: Kind) async throws {
        self.kind = kind
        server = try PostgresServer()
        superuser = try await PostgresWriter.connect(to: server.endpoint(), observer: IgnoringObserver())
        for statement in [
            "CREATE ROLE runner_admin LOGIN CREATEDB CREATEROLE PASSWORD 'admin-pw'",
            "CREATE ROLE chatwoot LOGIN PASSWORD 'another'", "CREATE DATABASE foreign_one",
        ] { try await superuser.execute(statement) }
        let password = "SELECT rolpassword FROM pg_authid WHERE rolname = 'chatwoot'"
        oldPassword = try #require(try await superuser.value(password, as: String.self))
        try await superuser.execute("DROP ROLE chatwoot")
        for database in ["template1", "foreign_one"] {
            let inside = try await PostgresWriter.connect(
                to: server.endpoint(database), observer: IgnoringObserver())
            try await inside.execute("CREATE EXTENSION pg_stat_statements")
            if database == "foreign_one" {
                for name in ["accounts", "users", "inboxes"] + (1...20).map({ "table_\($0)" }) {
                    try await inside.execute("CREATE TABLE \(name) (id serial PRIMARY KEY)")
                    try await inside.execute("ALTER TABLE \(name) OWNER TO runner_admin")
                }
                try await inside.execute("CREATE FUNCTION added() RETURNS int LANGUAGE sql AS 'SELECT 1'")
                try await inside.execute("ALTER FUNCTION added() OWNER TO runner_admin")
            }
            // A database is not copied while there are sessions on it.
            await inside.connection.close()
        }
    }

    /// The server as it is before the step.
    func begin() async throws {
        try await awaitEndOfSessions()
        for name in ["chatwoot", Self.aside] { try await superuser.execute("DROP DATABASE IF EXISTS \(name) (FORCE)") }
        try await superuser.execute("DROP ROLE IF EXISTS chatwoot")
        switch kind {
        case .create: break
        case .takeOver:
            try await superuser.execute("CREATE ROLE chatwoot LOGIN CREATEDB PASSWORD '\(oldPassword)'")
            try await superuser.execute("CREATE DATABASE chatwoot TEMPLATE foreign_one OWNER runner_admin")
        case .reset:
            try await superuser.execute("CREATE ROLE chatwoot LOGIN")
            try await superuser.execute("GRANT chatwoot TO runner_admin")
            try await superuser.execute("CREATE DATABASE chatwoot OWNER chatwoot")
        }
    }

    /// What an undisturbed process does.
    func undisturbed() async throws -> Undisturbed {
        try await begin()
        let whole = try await run()
        #expect(whole.error == nil && !whole.wasKilled)
        var states: [State] = []
        for number in whole.changes.indices {
            try await begin()
            let first = try await run(dyingAt: number)
            #expect(first.wasKilled)
            try await awaitEndOfSessions()
            states.append(try await state())
        }
        try await begin()
        _ = try await run()
        try await awaitEndOfSessions()
        states.append(try await state())
        #expect(Set(states.map(\.text)).count == states.count, "each change shows")
        #expect(whole.changes.count > 1)
        return Undisturbed(changes: whole.changes, states: states)
    }

    /// Does the step in a process, with a fencing number, which is killed `delay` after the first of `change` was sent, or
    /// before that where there is none.
    func run(as number: Int = 1, dyingAt change: Int? = nil, after delay: Duration? = nil) async throws -> Attempt {
        let step = kind == .reset ? ResetDatabase.id.rawValue : SetupCredentials.id.rawValue
        let inventory = Shipped.folder.appending(path: "inventory.json").path
        var arguments = ["database", step, "\(server.port)", inventory, "\(number)"]
        if let change { arguments.append("\(change)") }
        if let delay { arguments.append("\(Int(delay / .microseconds(1)))") }
        let finished = try await ChildProcess.run(Self.helper, arguments)
        var attempt = Attempt()
        for line in finished.output.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            switch words.first {
            case "begin":
                attempt.changes.append(Change(number: attempt.changes.count, words: words[1], duration: .zero))
            case "end":
                let last = attempt.changes.removeLast()
                let duration = words[1].split(separator: " ").first.flatMap { Int($0) } ?? 0
                attempt.changes.append(
                    Change(number: last.number, words: last.words, duration: .microseconds(duration)))
            default: attempt.error = (attempt.error ?? "") + line
            }
        }
        attempt.wasKilled = finished.status == 128 + SIGKILL
        if finished.status != 0, finished.status != 128 + SIGKILL, attempt.error == nil {
            attempt.error = "status \(finished.status)"
        }
        return attempt
    }

    /// Waits until the server has noticed that a process is gone.
    func awaitEndOfSessions() async throws {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('runner_admin', 'chatwoot')"
        let deadline = ContinuousClock.now + .seconds(30)
        while try await superuser.value(query, as: Int.self) != 0 {
            try #require(.now < deadline, "the server has not noticed the end of a process")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// What the server has now of everything that the step changes.
    func state() async throws -> State {
        var texts = try await superuser.query(Self.outside, [oldPassword]).map { try $0.value("text", as: String.self) }
        let exists = "SELECT datallowconn FROM pg_database WHERE datname = 'chatwoot'"
        if kind != .reset, try await superuser.value(exists) == true {
            let inside = try await PostgresReader.connect(
                to: server.endpoint("chatwoot"), observer: IgnoringObserver())
            texts += try await inside.query(Self.inside).map { try $0.value("text", as: String.self) }
            await inside.connection.close()
        }
        let identities = try await superuser.query(
            """
            SELECT 'role ' || oid AS text FROM pg_roles WHERE rolname = 'chatwoot' UNION ALL \
            SELECT 'database ' || oid FROM pg_database WHERE datname LIKE 'chatwoot%'
            """)
        return State(
            text: texts.joined(separator: "; "),
            identities: try identities.map { try $0.value("text", as: String.self) })
    }

    private static let outside = """
        SELECT * FROM (SELECT concat_ws(' ', 'role', rolcanlogin, rolcreatedb, rolpassword = $1) AS text \
        FROM pg_authid WHERE rolname = 'chatwoot' UNION ALL \
        SELECT concat_ws(' ', 'member', member::regrole, admin_option) FROM pg_auth_members \
        WHERE roleid::regrole::text = 'chatwoot' UNION ALL \
        SELECT concat_ws(' ', 'database', datname, datdba::regrole, datallowconn, datacl) \
        FROM pg_database WHERE datname LIKE 'chatwoot%') all_of_it ORDER BY text
        """
    private static let inside = """
        SELECT * FROM (SELECT concat_ws(' ', 'extension', extname, extnamespace::regnamespace) AS text \
        FROM pg_extension UNION ALL SELECT concat_ws(' ', 'schema', nspname, nspacl) \
        FROM pg_namespace WHERE nspname = 'public' UNION ALL \
        SELECT concat_ws(' ', relname, relowner::regrole) FROM pg_class \
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' UNION ALL \
        SELECT concat_ws(' ', proname, proowner::regrole) FROM pg_proc WHERE proname = 'added') all_of_it ORDER BY text
        """
}
