import DataServers
import Postgres
import Synchronization
import Testing

@testable import StepKit
@testable import Steps

/// `11_ct_00_setup_credentials` on real servers, as an administrator who is no superuser.
@Suite(.serialized) struct DatabaseServerTests {
    @Test(arguments: PostgresInstallation.all)
    func theStatedRightsAreEnough(_ installation: PostgresInstallation) async throws {
        let platform = try await DatabasePlatform(installation, administrator: "CREATEDB CREATEROLE")
        try await platform.superuser("template1").execute("CREATE EXTENSION pg_stat_statements")
        #expect(try await platform.followRefusals() == [])
        try await platform.makeReady()

        // Whatever somebody changes afterwards is put back with the same rights.
        for statement in [
            "GRANT CONNECT ON DATABASE chatwoot TO PUBLIC", "REVOKE CONNECT ON DATABASE chatwoot FROM chatwoot",
            "ALTER ROLE chatwoot CREATEDB CONNECTION LIMIT 3", "ALTER ROLE chatwoot PASSWORD 'another'",
            "ALTER DATABASE chatwoot ALLOW_CONNECTIONS false",
        ] {
            try await platform.superuser("postgres").execute(statement)
            #expect(try await platform.followRefusals() == [], "\(statement)")
            try await platform.makeReady()
        }
        let inside = try await platform.superuser("chatwoot")
        try await inside.execute("DROP EXTENSION pg_trgm")
        #expect(try await platform.followRefusals() == [])
        try await platform.makeReady()
    }

    @Test(arguments: PostgresInstallation.all)
    func theStatementsOfRefusalsAreEnoughFromNothingOn(_ installation: PostgresInstallation) async throws {
        let platform = try await DatabasePlatform(installation, administrator: "NOINHERIT")
        let followed = try await platform.followRefusals()
        #expect(followed.contains("postgres: ALTER ROLE \"runner_admin\" CREATEROLE"), "\(followed)")
        #expect(followed.contains("postgres: ALTER ROLE \"runner_admin\" CREATEDB"))
        #expect(followed.contains("template1: CREATE EXTENSION pg_stat_statements"))
        try await platform.makeReady()
    }

    @Test(arguments: PostgresInstallation.all)
    func aSchemaLoadByHandIsSeenAndAServingPodIsNot(_ installation: PostgresInstallation) async throws {
        let platform = try await DatabasePlatform(installation, administrator: "CREATEDB CREATEROLE")
        try await platform.superuser("template1").execute("CREATE EXTENSION pg_stat_statements")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let login = platform.owner()
        let serving = try await platform.postgresWriter(login)
        try await serving.execute("SELECT 'create table x'")
        let byHand = try await platform.postgresWriter(login)
        try await byHand.execute("SET application_name = 'chatwoot-web-6f9f6df959-88v22'")
        func seen() async throws -> DatabaseState {
            try await DatabaseState.readSessions(platform.site().reader)
        }
        #expect(try await seen().sessions.count > 1)
        #expect(try await seen().migrationSessions == [])

        for statement in [
            #"CREATE TABLE "accounts" (id bigserial PRIMARY KEY)"#,
            "CREATE UNIQUE INDEX i ON accounts (id)", "ALTER TABLE accounts ADD name text",
            "DROP TABLE IF EXISTS accounts CASCADE",
        ] {
            try await byHand.execute(statement)
            let state = try await seen()
            #expect(state.migrationSessions.map(\.application) == ["chatwoot-web-6f9f6df959-88v22"], "\(statement)")
            #expect(state.migrationWords.contains("which changes tables"))
        }
        // Rails goes on to other work, and is a pod that serves.
        try await byHand.execute("SELECT 1")
        #expect(try await seen().migrationSessions == [])
        // Rails' lock is a migration's, whoever holds it.
        let lock = MigrationSessions.migrationLock(of: "chatwoot")
        let superuser = try await platform.superuser("chatwoot")
        try await superuser.execute("SELECT pg_advisory_lock(\(lock))")
        #expect(try await seen().migrationWords.hasSuffix("with Rails' migration lock"))
    }

    /// A reset renames the database, and a session of the runner's own would keep it from that.
    @Test(arguments: PostgresInstallation.all)
    func whatAResetReadsOpensNoSessionOnTheDatabase(_ installation: PostgresInstallation) async throws {
        let platform = try await DatabasePlatform(installation, administrator: "CREATEDB CREATEROLE")
        try await platform.superuser("template1").execute("CREATE EXTENSION pg_stat_statements")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let site = try await platform.site().reader
        platform.read.withLock { $0 = [] }
        let state = try await DatabaseState.readOutside(site)
        #expect(state.server.database?.name == "chatwoot" && state.contents == nil)
        #expect(state.afterReset.setup.refusals.isEmpty)
        #expect(!platform.read.withLock { $0 }.contains("chatwoot"))
        _ = try await DatabaseState.read(site, asksRedis: false)
        #expect(platform.read.withLock { $0 }.contains("chatwoot"))
    }

    /// An administrator without the role's rights sees less of its sessions than the role, and leaves it at that.
    @Test func anAdministratorWithoutTheRolesRightsOpensNoSessionBeforeAResetEither() async throws {
        let platform = try await DatabasePlatform(.system, administrator: "CREATEDB")
        let superuser = try await platform.superuser("postgres")
        try await superuser.ensureRole("chatwoot", password: platform.chatwoot.databasePassword)
        try await superuser.ensureDatabase("chatwoot", owner: "runner_admin")
        let site = try await platform.site().reader
        let state = try await DatabaseState.readSessions(site, isBeforeReset: true)
        #expect(state.server.readerOwnsDatabase && state.sessions.isEmpty)
        #expect(!platform.read.withLock { $0 }.contains("chatwoot"))
        #expect(try await DatabaseState.readSessions(site).login == .accepted)
        #expect(platform.read.withLock { $0 }.contains("chatwoot"))
    }

    /// Preflight and the checks of a run with nothing to do share one value; from the first change on each step reads.
    @Test func theStateIsReadOnceUntilSomethingChanges() async throws {
        let platform = try await DatabasePlatform(.system, administrator: "SUPERUSER")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let site = try await platform.site().reader
        func reads() -> Int { platform.server.log.matches(of: /default_transaction_read_only=%/).count }
        let before = reads()
        let first = try await DatabaseState.read(site, asksRedis: false)
        #expect(try await SetupCredentials().databaseChanges(site).isEmpty)
        #expect(reads() == before + 1)
        // What is seen of sessions is always of this moment.
        _ = try await DatabaseState.readSessions(site)
        #expect(reads() == before + 2)

        try await platform.superuser("postgres").execute("ALTER ROLE chatwoot CREATEDB")
        #expect(try await DatabaseState.read(site, asksRedis: false) == first)
        await site.forgetPrefetch()
        for _ in 1...2 { #expect(try await DatabaseState.read(site, asksRedis: false) != first) }
        #expect(reads() == before + 4)
    }

    /// As where the namespace was deleted, or the database restored, and the operator's machine is another one.
    @Test func noKeyIsGeneratedForADatabaseInUse() async throws {
        let platform = try await DatabasePlatform(.system, administrator: "SUPERUSER")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let own = try await platform.postgresWriter(platform.owner())
        for statement in [
            "CREATE TABLE ar_internal_metadata (key text, value text)", "CREATE TABLE installation_configs (name text)",
            "CREATE TABLE users (id int)", "INSERT INTO installation_configs VALUES ('LOGO')",
        ] { try await own.execute(statement) }
        func changes(knowing secrets: [GeneratedSecret]) async throws -> [Change] {
            try await SetupCredentials().databaseChanges(platform.site(filed: secrets).reader)
        }
        // What the seed writes was encrypted by nobody.
        #expect(try await changes(knowing: []).map(\.summary).count == 1)
        try await own.execute("INSERT INTO users VALUES (1)")
        for secrets in [[], [GeneratedSecret.databasePassword]] {
            let refusal = try #require(
                await #expect(throws: StepFailure.self) { try await changes(knowing: secrets) })
            #expect(refusal.cause.contains("is in use (installation_configs 1, users 1)"), "\(refusal)")
            #expect(refusal.remedy.contains("write the key into chatwoot.env as SECRET_KEY_BASE=…"), "\(refusal)")
        }
        // The password is another matter: it may be set anew.
        #expect(try await changes(knowing: [.secretKeyBase]).count == 1)
        #expect(try await changes(knowing: GeneratedSecret.chatwoot).isEmpty)
    }

    /// As where a reset was killed before it renamed the database, or where the administrator is another one now.
    @Test(arguments: [
        "ALTER DATABASE chatwoot ALLOW_CONNECTIONS false", "ALTER ROLE runner_admin NOSUPERUSER CREATEDB CREATEROLE",
    ])
    func aDatabaseThatCannotBeSeenGetsNoKeyBeforeItIs(_ change: String) async throws {
        let platform = try await DatabasePlatform(.system, administrator: "SUPERUSER")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let own = try await platform.postgresWriter(platform.owner())
        for statement in [
            "CREATE TABLE ar_internal_metadata (key text, value text)", "CREATE TABLE users (id int)",
            "INSERT INTO users VALUES (1)",
        ] { try await own.execute(statement) }
        try await platform.superuser("postgres").execute(change)
        let site = try await platform.site(filed: [])
        #expect(try await DatabaseState.read(site.reader, asksRedis: false).isUnseen)
        let unseen = try #require(await #expect(throws: StepFailure.self) { try await site.ensureChatwootSecrets() })
        #expect(unseen.cause.contains("it may be in use"), "\(unseen)")
        // The step can make it visible, and then knows.
        let planned = try await SetupCredentials().databaseChanges(site.reader)
        await site.reader.forgetPrefetch()
        let found = try #require(
            await #expect(throws: StepFailure.self) { try await SetupCredentials().apply(planned, to: site) })
        #expect(found.cause.contains("is in use (users 1)"), "\(found)")
    }

    /// The administrator may not read the role's tables, and the role cannot log in for a while.
    @Test func migrationsThatNobodyMayReadAreUnknown() async throws {
        let platform = try await DatabasePlatform(.system, administrator: "CREATEDB")
        let superuser = try await platform.superuser("postgres")
        try await superuser.ensureRole("chatwoot", password: platform.chatwoot.databasePassword)
        try await superuser.ensureDatabase("chatwoot", owner: "chatwoot")
        let own = try await platform.postgresWriter(platform.owner())
        for statement in [
            "CREATE TABLE ar_internal_metadata (key text, value text)", "CREATE TABLE schema_migrations (version text)",
            "INSERT INTO ar_internal_metadata VALUES ('environment', 'production')",
            "INSERT INTO schema_migrations VALUES ('20250101000000'), ('20250102000000')",
        ] { try await own.execute(statement) }
        let readable = try await DatabaseState.read(platform.site().reader, asksRedis: false)
        #expect(readable.migrations == .init(count: 2, newest: "20250102000000"))

        try await superuser.execute("ALTER ROLE chatwoot NOLOGIN")
        let state = try await DatabaseState.read(platform.site().reader, asksRedis: false)
        #expect(state.migrations == nil && state.task == .unknown, "\(state.task)")
        let failure = try await state.failureToRead(platform.site().reader)
        #expect(failure.cause.hasPrefix("neither runner_admin nor chatwoot could read schema_migrations"), "\(failure)")
        #expect(failure.cause.contains("could not log in"), "\(failure)")
    }

    @Test(arguments: PostgresInstallation.all)
    func whatASuperuserMadeIsTakenOverAsToldByTheRefusal(_ installation: PostgresInstallation) async throws {
        let platform = try await DatabasePlatform(installation, administrator: "CREATEDB CREATEROLE")
        let superuser = try await platform.superuser("postgres")
        for statement in [
            "CREATE ROLE chatwoot LOGIN", "CREATE DATABASE chatwoot", "ALTER DATABASE chatwoot OWNER TO chatwoot",
        ] { try await superuser.execute(statement) }
        let inside = try await platform.superuser("chatwoot")
        for statement in [
            "CREATE TABLE accounts (id serial)", "CREATE TABLE \"it's \"\"odd\"\"\" (id int)",
            "INSERT INTO accounts DEFAULT VALUES",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ] { try await inside.execute(statement) }
        let followed = try await platform.followRefusals()
        #expect(followed.contains("chatwoot: ALTER TABLE public.accounts OWNER TO chatwoot"), "\(followed)")
        #expect(followed.contains("chatwoot: CREATE EXTENSION pg_stat_statements"))
        if installation.version >= 16 {
            #expect(
                followed.contains { $0.hasPrefix("postgres: GRANT \"chatwoot\" TO \"runner_admin\" WITH ADMIN TRUE") })
        }
        try await platform.makeReady()
        let rows: Int? = try await inside.value(
            "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'S') AND relowner <> 'chatwoot'::regrole AND relnamespace = 'public'::regnamespace"
        )
        #expect(rows == 0)
    }
}
