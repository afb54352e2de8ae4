import ClientKit
import DataServers
import Kubernetes
import Postgres
import Redis
import SSH
import Synchronization
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// `11_ct_00_setup_credentials` on real servers, as an administrator who is no superuser.
@Suite(.serialized) struct DatabaseServerTests {
    /// A server with a superuser, and an administrator `runner_admin` with these options.
    private final class Platform: DataServices {
        static let password = Secret("admin-pw")
        let server: PostgresServer
        let chatwoot = GeneratedSecrets.standIn()
        /// The databases that were connected to for reading.
        let read = Mutex<[String]>([])

        init(_ installation: PostgresInstallation, administrator options: String) async throws {
            server = try PostgresServer(programs: installation.programs)
            let superuser = try await superuser("postgres")
            try await superuser.execute("CREATE ROLE runner_admin LOGIN \(options) PASSWORD 'admin-pw'")
        }

        func superuser(_ database: String) async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: server.endpoint(database), observer: IgnoringObserver())
        }

        /// Chatwoot's login, by the names that the inventory leaves to their defaults.
        func owner() -> DatabaseLogin {
            .owner(
                of: Application.Database(name: "chatwoot", user: "chatwoot"),
                password: chatwoot.databasePassword)
        }

        private func endpoint(_ login: DatabaseLogin) -> PostgresEndpoint {
            switch login {
            case .admin(let database): server.endpoint(database).loggingIn(as: "runner_admin", password: Self.password)
            case .owner(let database, let password):
                server.endpoint(database.name).loggingIn(as: database.user, password: password)
            }
        }

        func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
            let endpoint = endpoint(login)
            read.withLock { $0.append(endpoint.database) }
            return try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
        }

        func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: endpoint(login), observer: IgnoringObserver())
        }

        func redisReader() async throws -> RedisReader { try await ForbiddenServices().redisReader() }
        func redisWriter() async throws -> RedisWriter { try await ForbiddenServices().redisWriter() }
        func redisHostReader() async throws -> RedisReader { try await ForbiddenServices().redisReader() }
        func addressAnswers() async -> [ServiceAnswer] { [] }
        func shell(on host: Inventory.Host) async throws -> any RemoteShell { ForbiddenShell() }

        func site() async throws -> SiteWriter {
            let (inventory, shell) = (try SiteSample.inventory(), ForbiddenShell())
            let filed: [GeneratedSecret: Secret] = [
                .databasePassword: chatwoot.databasePassword, .secretKeyBase: chatwoot.secretKeyBase,
            ]
            let store = GeneratedSecretsStore(
                directory: CredentialsDirectory(path: "/nowhere"),
                filed: [GeneratedFile.chatwootName: filed]
            ) { _ in }
            _ = try await store.find(.chatwoot(inventory)) { nil }
            let node = NodeReader(name: shell.hostName, address: "10.0.0.100", shell: shell)
            let reader = SiteReader(
                module: module11, inventory: inventory, credentials: SiteSample.credentials(),
                cluster: ClusterReader(shell: shell, kubeconfig: inventory.cluster.kubeconfig), master: node,
                nodes: [node], absentNodes: [], services: self, generated: store, prefetch: Prefetch(),
                reporter: Reporter(progress: { _ in }, warning: { _ in }))
            return SiteWriter(
                reader: reader, cluster: ClusterWriter(shell: shell, kubeconfig: inventory.cluster.kubeconfig))
        }

        /// Does as the refusals say, until there is none.
        func followRefusals() async throws -> [String] {
            var followed: [String] = []
            for _ in 1...8 {
                let state = try await DatabaseState.read(site().reader, asksRedis: false)
                let told = state.setup.refusals
                guard !told.isEmpty else { return followed }
                for case .statements(let statements, let database) in told.map(\.cure) {
                    for statement in statements where !followed.contains("\(database): \(statement)") {
                        try await superuser(database).execute(statement)
                        followed.append("\(database): \(statement)")
                    }
                }
            }
            Issue.record("still refused after \(followed)")
            return followed
        }

        func makeReady() async throws {
            try await SetupCredentials().makeReady(site(), with: chatwoot)
            let left = try await SetupCredentials().databaseChanges(site().reader)
            #expect(left.isEmpty, "\(left.map(\.summary))")
            let own = try await postgresWriter(owner())
            // What Chatwoot's task does first.
            for name in ["pg_stat_statements", "pg_trgm", "pgcrypto"] {
                try await own.execute("CREATE EXTENSION IF NOT EXISTS \(name)")
            }
            try await own.execute("CREATE TABLE proof (id serial)")
            try await own.execute("DROP TABLE proof")
        }
    }

    @Test(arguments: PostgresInstallation.all)
    func theStatedRightsAreEnough(_ installation: PostgresInstallation) async throws {
        let platform = try await Platform(installation, administrator: "CREATEDB CREATEROLE")
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
        let platform = try await Platform(installation, administrator: "NOINHERIT")
        let followed = try await platform.followRefusals()
        #expect(followed.contains("postgres: ALTER ROLE \"runner_admin\" CREATEROLE"), "\(followed)")
        #expect(followed.contains("postgres: ALTER ROLE \"runner_admin\" CREATEDB"))
        #expect(followed.contains("template1: CREATE EXTENSION pg_stat_statements"))
        try await platform.makeReady()
    }

    @Test(arguments: PostgresInstallation.all)
    func aSchemaLoadByHandIsSeenAndAServingPodIsNot(_ installation: PostgresInstallation) async throws {
        let platform = try await Platform(installation, administrator: "CREATEDB CREATEROLE")
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
        let platform = try await Platform(installation, administrator: "CREATEDB CREATEROLE")
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

    /// Preflight and the checks of a run with nothing to do share one value; from the first change on each step reads.
    @Test func theStateIsReadOnceUntilSomethingChanges() async throws {
        let platform = try await Platform(.system, administrator: "SUPERUSER")
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

    @Test(arguments: PostgresInstallation.all)
    func whatASuperuserMadeIsTakenOverAsToldByTheRefusal(_ installation: PostgresInstallation) async throws {
        let platform = try await Platform(installation, administrator: "CREATEDB CREATEROLE")
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
