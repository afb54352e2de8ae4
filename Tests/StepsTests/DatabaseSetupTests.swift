import Postgres
import StepKit
import Testing

@testable import Steps

/// What has to be done to a server and a database, and what cannot be done with the administrator's rights.
@Suite struct DatabaseSetupTests {
    private static func words(_ state: DatabaseState) -> [String] {
        state.setup.changes.map { $0.change.change(in: state, $0.certainty).summary }
    }

    /// Neither role nor database yet.
    static func bare(
        _ reader: ServerFacts.Reader, version: Int = 150_020, template: [ExtensionState]? = nil
    ) -> DatabaseState {
        .sample { state in
            state.server = ServerFacts(version: version, reader: reader)
            state.contents = nil
            state.login = .untried
            state.template =
                template ?? ["pg_stat_statements", "pg_trgm", "pgcrypto", "plpgsql"].map { .missing($0) }
        }
    }

    @Test func nothingIsToBeDoneWhereAllIsInPlace() {
        #expect(DatabaseState.sample().setup == .init())
        #expect(DatabaseState.sample().refusalOfUse("use it") == nil)
        // An administrator who is no member of the role needs no membership for what is there already.
        let plain = DatabaseState.sample { state in
            state.server.reader = .administrator
            state.server.rightsOnRole = .init()
            state.server.readerOwnsDatabase = false
        }
        #expect(plain.setup == .init())
    }

    @Test func anEmptyServerGetsEverything() {
        let state = Self.bare(.superuser)
        #expect(
            Self.words(state) == [
                "create role \"chatwoot\" with LOGIN and no other attribute",
                "create database \"chatwoot\" (UTF8) owned by \"chatwoot\"",
                "revoke CONNECT on database \"chatwoot\" from PUBLIC",
                "create extension pg_stat_statements in database \"chatwoot\"",
                "create extension pg_trgm in database \"chatwoot\"",
                "create extension pgcrypto in database \"chatwoot\"",
            ])
        #expect(state.setup.refusals.isEmpty)
    }

    @Test(arguments: [150_020, 160_003, 170_000]) func anAdministratorWhoIsNoSuperuserBecomesAMember(_ version: Int) {
        let state = Self.bare(
            .administrator, version: version, template: [.made("pg_stat_statements"), .missing("pg_trgm")])
        #expect(
            Self.words(state) == [
                "create role \"chatwoot\" with LOGIN and no other attribute",
                "make \"kb_admin\" a member of role \"chatwoot\", so that it can transfer the database to it",
                "create database \"chatwoot\" (UTF8, from template1) owned by \"chatwoot\"",
                "revoke CONNECT on database \"chatwoot\" from PUBLIC",
                "create extension pg_trgm in database \"chatwoot\"",
            ])
        #expect(state.setup.refusals.isEmpty)
        // Nothing of what follows the role was asked of the server.
        #expect(state.setup.changes.map(\.certainty) == [.proved, .predicted, .predicted, .predicted, .predicted])
    }

    @Test func whatOnlyASuperuserMayDoIsRefusedWithItsStatement() {
        let missing = Self.bare(.administrator).setup.refusals
        #expect(missing.count == 1)
        #expect(
            missing.first?.cause
                == "only a superuser may create the extension pg_stat_statements, and \"kb_admin\" is not one")
        #expect(missing.first?.cure == .statements(["CREATE EXTENSION pg_stat_statements"], database: "template1"))

        let powerless = Self.bare(.nobody, template: [.made("pg_stat_statements")])
        #expect(
            powerless.setup.refusals.map(\.cure.words).map { $0.contains("CREATEROLE") } == [true, false]
                && powerless.setup.refusals[1].cure.words.contains("CREATEDB"), "\(powerless.setup.refusals)")
        // Nothing that is refused is called proved, nor planned.
        #expect(!powerless.setup.changes.contains { $0.certainty == .proved })
    }

    @Test func aMembershipThatNobodyMayGiveIsRefused() throws {
        func state(_ version: Int, mayGrant: Bool) -> DatabaseState {
            .sample { state in
                state.server.version = version
                state.server.reader = .administrator
                state.server.rightsOnRole = .init(mayGrant: mayGrant)
                state.server.readerOwnsDatabase = false
                state.server.database = DatabaseFacts(name: "chatwoot", owner: "chatwoot", publicMayConnect: true)
            }
        }
        #expect(Self.words(state(150_000, mayGrant: true)).first?.contains("make \"kb_admin\" a member") == true)
        let refusal = try #require(state(160_000, mayGrant: false).setup.refusals.first)
        #expect(
            refusal.cure
                == .statements(
                    ["GRANT \"chatwoot\" TO \"kb_admin\" WITH ADMIN TRUE, INHERIT TRUE, SET TRUE"], database: "postgres"
                ))
        let unwilling = DatabaseState.sample { state in
            state = Self.bare(.administrator, template: [.made("pg_stat_statements")])
            state.server.reader.inherits = false
        }
        #expect(unwilling.setup.refusals.first?.cure.words.contains("ALTER ROLE \"kb_admin\" INHERIT") == true)
    }

    @Test func tablesOfASuperuserChangeTheirOwnerOrAreRefusedWithTheStatements() throws {
        let tables = [
            RelationFacts.table("accounts", rows: 1, owner: "postgres", isSuperusers: true, isReaders: false),
            .table("users", rows: 3, owner: "postgres", isSuperusers: true, isReaders: false),
        ]
        let state = DatabaseState.sample { $0.contents?.relations = tables }
        #expect(Self.words(state) == ["alter the owner of 2 tables (accounts, users): postgres → chatwoot"])
        #expect(state.setup.changes.map(\.certainty) == [.proved])
        #expect(state.refusalOfUse("migrate")?.cure == .step("11_ct_00_setup_credentials"))
        let plain = DatabaseState.sample { state in
            state.contents?.relations = tables
            state.server.reader = .administrator
        }
        let refusal = try #require(plain.setup.refusals.first)
        #expect(plain.setup.changes.isEmpty)
        #expect(
            refusal.cure
                == .statements(
                    ["ALTER TABLE public.accounts OWNER TO chatwoot", "ALTER TABLE public.users OWNER TO chatwoot"],
                    database: "chatwoot"))
        // The migration tells the same, and not a step that could not do it.
        #expect(plain.refusalOfUse("migrate")?.cure == refusal.cure)
    }

    @Test func whatAnotherRoleMadeForItselfIsLeftToIt() {
        let state = DatabaseState.sample { state in
            state.contents?.relations = [.table("accounts"), .table("metabase_report", rows: 2, owner: "metabase")]
        }
        #expect(state.setup == .init())
        #expect(
            state.refusalOfSaving("save")?.cause.contains("may not read 1 table (metabase_report) of metabase") == true)
        let restored = DatabaseState.sample { state in
            state.contents?.relations = [.table("accounts", owner: "old"), .table("plugin", owner: "old")]
        }
        #expect(Self.words(restored) == ["alter the owner of 2 tables (accounts, plugin): old → chatwoot"])
        #expect(restored.refusalOfSaving("save") == nil)
    }

    @Test func version4WantsVectors() throws {
        func wanted(_ image: String) throws -> Extensions {
            let inventory = try SiteSample.inventory([
                ("ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", image)
            ])
            return Extensions(image: inventory.chatwoot.image)
        }
        #expect(try !wanted("ghcr.io/keybuzzio/chatwoot-keybuzz:v3.13.0").all.contains("vector"))
        #expect(try wanted("ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.1").required.contains("vector"))
        #expect(try wanted("ghcr.io/keybuzzio/chatwoot-keybuzz:v10.2.0").required.contains("vector"))
        #expect(try wanted("ghcr.io/keybuzzio/chatwoot-keybuzz:latest").useful == ["vector"])

        func state(_ extensions: Extensions, hasFiles: Bool) -> DatabaseState {
            .sample { state in
                state.extensions = extensions
                state.contents?.extensions.append(.missing("vector", hasFiles: hasFiles))
            }
        }
        let v4 = try wanted("ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.1")
        #expect(Self.words(state(v4, hasFiles: true)) == ["create extension vector in database \"chatwoot\""])
        let refused = state(v4, hasFiles: false)
        #expect(refused.setup.refusals.first?.cure.words.contains("postgresql-15-pgvector") == true)
        // The step that cannot make it is never told.
        #expect(refused.refusalOfUse("migrate")?.cure == refused.setup.refusals.first?.cure)
        #expect(state(Extensions(image: nil), hasFiles: false).setup == .init())
    }

    @Test func anExtensionLiesWhereChatwootLooks() {
        func state(_ reader: ServerFacts.Reader, in schema: String) -> DatabaseState {
            .sample { state in
                state.server.reader = reader
                state.contents?.extensions = [.made("pg_stat_statements", in: "stats"), .made("pg_trgm", in: schema)]
            }
        }
        #expect(state(.superuser, in: "public").setup == .init())
        #expect(
            Self.words(state(.superuser, in: "extensions")) == [
                "move extension pg_trgm in database \"chatwoot\": schema extensions → public, which is in the search_path of \"chatwoot\""
            ])
        #expect(
            state(.administrator, in: "extensions").setup.refusals.first?.cure
                == .statements(["ALTER EXTENSION \"pg_trgm\" SET SCHEMA \"public\""], database: "chatwoot"))
    }

    @Test func aDoorThatAResetShutIsOpened() {
        let state = DatabaseState.sample { state in
            state.server.database = DatabaseFacts(name: "chatwoot", owner: "chatwoot", allowsConnections: false)
            state.contents = nil
            state.login = .untried
        }
        #expect(Self.words(state) == ["allow connections to database \"chatwoot\""])
        #expect(state.task == .unknown)
        #expect(state.refusalOfUse("migrate")?.cure == .step("11_ct_00_setup_credentials"))
    }

    @Test func aServerThatOnlyReadsIsNamed() {
        let state = DatabaseState.sample { $0.server.readOnly = "ROLE chatwoot IN DATABASE chatwoot" }
        #expect(
            state.setup.refusals.first?.cure
                == .statements(
                    ["ALTER ROLE chatwoot IN DATABASE chatwoot RESET default_transaction_read_only"],
                    database: "postgres"))
    }

    @Test func aLoginThatNothingExplainsIsToldAsItIs() {
        let refused = DatabaseState.Login.refused(
            .init(sqlState: "28000", cause: "no pg_hba.conf entry", remedy: "add one"))
        let state = DatabaseState.sample { $0.login = refused }
        #expect(state.setup.refusals.first?.cause == "no pg_hba.conf entry")
        let explained = DatabaseState.sample { state in
            state.login = refused
            state.server.role = RoleState(
                name: "chatwoot",
                attributes: {
                    var bare = RoleAttributes(); bare.canLogin = false; return bare
                }())
        }
        #expect(
            explained.setup.refusals.isEmpty && Self.words(explained) == ["alter role \"chatwoot\": NOLOGIN → LOGIN"])
    }
}
