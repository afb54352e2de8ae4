import Postgres
import StepKit
import Testing

@testable import Steps

/// Every state of the database that a few independent facts can make, followed along its remedies to their end.
@Suite struct DatabaseRemedyTests {
    private struct Fact: Sendable {
        let name: String
        let apply: @Sendable (inout DatabaseState) -> Void
    }

    private static let readers: [Fact] = [
        Fact(name: "superuser") { $0.server.reader = .superuser },
        Fact(name: "administrator") { $0.server.reader = .administrator },
        Fact(name: "administrator without membership") {
            $0.server.reader = .administrator
            $0.server.rightsOnRole = .init()
            $0.server.rightsOnOwner = .init()
            $0.server.readerOwnsDatabase = false
        },
        Fact(name: "administrator of 16 without ADMIN") {
            $0.server.version = 160_000
            $0.server.reader = .administrator
            $0.server.rightsOnRole = .init()
            $0.server.readerOwnsDatabase = false
        },
        Fact(name: "nobody") {
            $0.server.reader = .nobody
            $0.server.rightsOnRole = .init()
            $0.server.readerOwnsDatabase = false
        },
    ]

    private static let servers: [Fact] = [
        Fact(name: "as wanted") { _ in },
        Fact(name: "no role") {
            $0.server.role = nil
            $0.server.rightsOnRole = .init()
            $0.login = .untried
        },
        Fact(name: "role with too much") {
            var attributes = RoleAttributes()
            attributes.isSuperuser = true
            $0.server.role = RoleState(name: "chatwoot", attributes: attributes)
        },
        Fact(name: "role that may not log in") {
            var attributes = RoleAttributes()
            attributes.canLogin = false
            $0.server.role = RoleState(name: "chatwoot", attributes: attributes)
            $0.login = .refused(.init(sqlState: "28000", cause: "not permitted to log in", remedy: "check"))
        },
        Fact(name: "wrong password") {
            $0.login = .refused(.init(sqlState: "28P01", cause: "wrong", remedy: "check"))
        },
        Fact(name: "pg_hba") { $0.login = .refused(.init(sqlState: "28000", cause: "no entry", remedy: "add one")) },
        Fact(name: "no password known") {
            $0.hasPassword = false
            $0.login = .untried
        },
        Fact(name: "no database") {
            $0.server.database = nil
            $0.contents = nil
            $0.login = .untried
            $0.template = ["pg_stat_statements", "pg_trgm"].map { .missing($0) }
        },
        Fact(name: "other owner") { $0.server.database = DatabaseFacts(name: "chatwoot", owner: "postgres") },
        Fact(name: "shut") {
            $0.server.database = DatabaseFacts(name: "chatwoot", owner: "chatwoot", allowsConnections: false)
            $0.contents = nil
            $0.login = .untried
        },
        Fact(name: "latin") {
            $0.server.database = DatabaseFacts(name: "chatwoot", owner: "chatwoot", encoding: "LATIN1")
        },
        Fact(name: "open to all") {
            $0.server.database = DatabaseFacts(
                name: "chatwoot", owner: "chatwoot", publicMayConnect: true, ownerMayConnect: false)
        },
        Fact(name: "only reads") { $0.server.readOnly = "DATABASE chatwoot" },
    ]

    private static let insides: [Fact] = [
        Fact(name: "empty") { _ in },
        Fact(name: "half") { $0.contents?.relations = [.table("accounts"), .table("users")] },
        Fact(name: "data without metadata") {
            $0.contents?.relations = [.table("accounts", rows: 1), .table("users")]
        },
        Fact(name: "metadata that is empty") {
            $0.contents?.relations =
                ["ar_internal_metadata", "schema_migrations", "users"].map { .table($0) }
                + [.table("accounts", rows: 3)]
        },
        Fact(name: "unseeded") {
            $0.contents?.relations = [.table("ar_internal_metadata", rows: 1), .table("schema_migrations", rows: 42)]
            $0.migrations = .init(count: 42, newest: "20240516003531")
        },
        Fact(name: "whole") {
            $0.contents?.relations = ["ar_internal_metadata", "schema_migrations", "users"].map { .table($0, rows: 42) }
            $0.migrations = .init(count: 42, newest: "20240516003531")
        },
        Fact(name: "restored by a superuser") {
            $0.contents?.relations = ["ar_internal_metadata", "schema_migrations", "users"].map {
                .table($0, rows: 42, owner: "postgres", isSuperusers: true, isReaders: false)
            }
            $0.migrations = .init(count: 42, newest: "20240516003531")
        },
        Fact(name: "no extension") {
            $0.contents?.extensions = ["pg_stat_statements", "pg_trgm"].map { .missing($0) }
        },
        Fact(name: "vector without files") {
            $0.extensions = Extensions(image: nil)
            $0.contents?.extensions.append(.missing("pgcrypto", hasFiles: false))
        },
        Fact(name: "nowhere to look") { $0.sessionPath = "nowhere" },
        Fact(name: "foreign schema") {
            $0.contents?.schemas = [
                SchemaFacts(
                    name: "public", owner: "postgres", roleMayUse: true, roleMayCreate: false, readerMayGrant: false)
            ]
        },
        Fact(name: "extension elsewhere") { $0.contents?.extensions = [.made("pg_trgm", in: "extensions")] },
    ]

    private static let states: [(name: String, state: DatabaseState)] = readers.flatMap { reader in
        servers.flatMap { server in
            insides.map { inside in
                let state = DatabaseState.sample { state in
                    inside.apply(&state)
                    reader.apply(&state)
                    server.apply(&state)
                }
                return ("\(reader.name), \(server.name), \(inside.name)", state)
            }
        }
    }

    /// What each step that reads the database refuses of a state, as the step does.
    ///
    /// The other steps of the module say nothing about the database; see `StepNamesInRemediesTests` for what they name.
    private static func refusal(of step: StepID, _ state: DatabaseState) -> DatabaseRefusal? {
        switch step {
        case ResetDatabase.id:
            return ResetDatabase.refusal(state.server, adminDatabase: "postgres")
                ?? state.afterReset.setup.refusals.first
        case SetupCredentials.id: return state.setup.refusals.first
        case RunMigrations.id:
            if let refusal = state.refusalOfUse("migrate") { return refusal }
            if case .refuse(let refusal) = state.task { return refusal }
            return state.savesFirst ? state.refusalOfSaving("save") : nil
        // The proof says it where a pod's log shows a database that is behind.
        case DeployChatwoot.id, ProveService.id:
            if let refusal = state.refusalOfUse("deploy") { return refusal }
            return state.isDone(isMigrated: state.isLoaded) ? nil : state.notMigrated("deploy")
        default: return nil
        }
    }

    private static let order = module11.steps.map(\.id)

    @Test func noRemedyNamesTheStepThatFailedOrLeadsInACircle() throws {
        var walked: [StepID: Int] = [:]
        for (name, state) in Self.states {
            for step in Self.order {
                guard let first = Self.refusal(of: step, state) else { continue }
                var (seen, refusal) = ([step], first)
                // Each named step either does something about it, or tells what a person does.
                while let next = refusal.cure.named {
                    walked[step, default: 0] += 1
                    #expect(!seen.contains(next), "\(name): \(seen) leads back to \(next)")
                    guard !seen.contains(next) else { break }
                    seen.append(next)
                    guard let other = Self.refusal(of: next, state) else { break }
                    refusal = other
                }
                if let last = refusal.cure.named {
                    #expect(state.hasWork(for: last), "\(name): \(last) has nothing to do about: \(refusal.cause)")
                    let (named, failed) = try (
                        #require(Self.order.firstIndex(of: last)), #require(Self.order.firstIndex(of: step))
                    )
                    #expect(named < failed, "\(name): \(last) comes after \(step)")
                }
                #expect(!refusal.cause.isEmpty && !refusal.cure.words.isEmpty)
                #expect(!refusal.cure.words.contains("--from \(step)"), "\(name): \(refusal.cure.words)")
            }
        }
        // The first two are first: they can only ask a person.
        #expect(Set(walked.keys) == [RunMigrations.id, DeployChatwoot.id, ProveService.id])
        #expect(walked.values.allSatisfy { $0 > 100 }, "\(walked)")
    }

    @Test func nothingThatIsRefusedIsAlsoPlanned() {
        for (name, state) in Self.states {
            let setup = state.setup
            let planned = setup.changes.map(\.change)
            for refusal in setup.refusals {
                if refusal.cause.contains("may not create databases") {
                    #expect(!planned.contains { if case .createDatabase = $0 { true } else { false } }, "\(name)")
                }
                if refusal.cause.contains("may not create roles") { #expect(!planned.contains(.createRole), "\(name)") }
                if refusal.cause.contains("may not become one") {
                    #expect(!setup.changes.contains { $0.certainty == .proved && $0.change.takesMembership }, "\(name)")
                }
            }
        }
    }
}

extension DatabaseChange {
    fileprivate var takesMembership: Bool {
        switch self {
        case .createDatabase, .changeOwner, .takeOver: true
        default: false
        }
    }
}

extension DatabaseState {
    /// The same server once the database is set aside.
    fileprivate var afterReset: DatabaseState {
        var state = self
        (state.server.database, state.contents, state.login) = (nil, nil, .untried)
        state.template = ["pg_stat_statements", "pg_trgm"].map { .missing($0) }
        return state
    }

    /// Whether a step that is named would find something to change.
    fileprivate func hasWork(for step: StepID) -> Bool {
        switch step {
        case SetupCredentials.id: !setup.changes.isEmpty
        case ResetDatabase.id: server.database != nil
        default: task != .unknown
        }
    }
}

extension DatabaseRefusal.Cure {
    /// The step that it names, if it names one.
    fileprivate var named: StepID? {
        switch self {
        case .step(let step): step
        case .person: words.contains("--reset-database") ? ResetDatabase.id : nil
        case .statements: nil
        }
    }
}
