import Foundation
import TestSupport
import Testing

@testable import Steps

/// Logs that Ruby, ActiveRecord and the clients of PostgreSQL and Redis wrote of real servers, one or more for each row.
@Suite struct LogSymptomTests {
    private static let folder = Shipped.folder.appending(path: "Tests/StepsTests/Fixtures/logs")

    private static func log(_ name: String) throws -> [String] {
        try String(contentsOf: folder.appending(path: "\(name).log"), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static var recorded: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: folder.path).map { $0.replacing(".log", with: "") }
                .sorted()
        }
    }

    @Test func eachRecordedLogShowsWhatItsNameSays() throws {
        for name in try Self.recorded {
            #expect(LogSymptom(try Self.log(name))?.id.rawValue == String(name.prefix { $0 != "-" }), "\(name)")
        }
    }

    @Test func eachSymptomHasOneRowAndARecordedLog() throws {
        #expect(LogSymptom.table.map(\.id).count == LogSymptom.ID.allCases.count)
        #expect(Set(LogSymptom.table.map(\.id)) == Set(LogSymptom.ID.allCases))
        let recorded = Set(try Self.recorded.map { String($0.prefix { $0 != "-" }) })
        #expect(recorded == Set(LogSymptom.ID.allCases.map(\.rawValue)))
    }

    /// What came before in the log and did no harm hides nothing.
    @Test func theExceptionThatEndedTheProgramCounts() throws {
        let harmless = [
            "NOTICE:  relation \"schema_migrations\" already exists, skipping",
            "E, [2026-11-25T09:00:01.123456 #1] ERROR -- : PG::UndefinedTable: ERROR:  relation \"features\" does not exist",
            "connection to server at \"10.0.0.10\", port 5432 failed: timeout expired, trying again",
        ]
        #expect(LogSymptom(harmless + (try Self.log("redisUnreachable")))?.id == .redisUnreachable)
        #expect(LogSymptom(try Self.log("redisUnreachable") + Self.log("schemaAhead"))?.id == .schemaAhead)
        #expect(
            LogSymptom(try Self.log("schemaBehind-table") + ["NoMethodError: undefined method `x' for nil:NilClass"])
                == nil)
    }

    @Test(
        arguments: [
            (
                "F, [2026-11-25T09:00:01.123456 #1] FATAL -- : [4f1c] ActionView::Template::Error (PG::UndefinedColumn: ERROR:  column x",
                .schemaBehind
            ),
            (
                "2026-11-25T09:00:01.123Z pid=1 tid=gu3 class=HookJob jid=1f WARN: Redis::CannotConnectError: Connection refused",
                .redisUnreachable
            ),
            (
                "! Unable to load application: ActiveRecord::NoDatabaseError: We could not find your database: chatwoot.",
                .databaseLogin
            ),
            ("\u{1B}[1m\u{1B}[31mPG::DuplicateTable: ERROR:  relation \"x\" already exists\u{1B}[0m", .schemaAhead),
            ("#<RedisClient::AuthenticationError: WRONGPASS invalid username-password pair>", .redisLogin),
            (
                #"{"method":"GET","path":"/","status":500,"exception":["PG::UndefinedTable","ERROR:  relation \"x\""]}"#,
                .schemaBehind
            ),
            (
                #"{"lvl":"WARN","msg":"retry","error_class":"RedisClient::CannotConnectError","error_message":"refused"}"#,
                .redisUnreachable
            ),
            (#"{"level":"FATAL","message":"\nLoadError (cannot load such file -- vips):\n"}"#, .imageIncomplete),
            (
                #"{"level":"error","exception":{"class":"Redis::CommandError","message":"READONLY You can't write"}}"#,
                .redisReadOnly
            ),
            ("/app/config/boot.rb:3:in `require': cannot load such file -- bootsnap (LoadError)", .imageIncomplete),
            ("exec /usr/local/bin/bundle: exec format error", .wrongPlatform),
            ("standard_init_linux.go:228: exec user process caused: exec format error", .wrongPlatform),
            ("Redis::CannotConnectError: SSL_connect returned=1 errno=0: certificate verify failed", .tls),
            (
                "RedisClient::CannotConnectError: getaddrinfo: Name or service not known (redis://r:6379)",
                .nameUnknown
            ),
            ("Redis::CommandError: CLUSTERDOWN Hash slot not served", .redisCluster),
            (
                "PG::ProtocolViolation: ERROR:  bind message supplies 2 parameters, but prepared statement \"a1\"",
                .transactionPool
            ),
            (
                "PG::FeatureNotSupported: ERREUR:  l'extension « vector » n'est pas disponible: \"/usr/share/vector.control\"",
                .extensionNotInstalled
            ),
        ] as [(String, LogSymptom.ID)])
    func aLineOfAnyLoggerIsUnderstood(_ line: String, _ id: LogSymptom.ID) {
        #expect(LogSymptom(["=> Booting Puma", line, "Exiting"])?.id == id)
    }

    @Test(arguments: [
        "Standin::DeliberateFailure: no", "Completed 200 OK in 3ms",
        "[ActiveJob] Enqueued Avatar::AvatarJob (Job ID: 7) to Sidekiq",
        "relation \"x\" does not exist", "PG::UndefinedObject: ERROR:  role \"reporting\" does not exist",
        "{ not JSON", "{}", #"{"message":"Completed 200 OK"}"#, "Redis::CommandError: ERR unknown command", "",
    ]) func otherWordsMeanNothing(_ line: String) {
        #expect(LogSymptom([line]) == nil)
        #expect(LogSymptom([String]()) == nil)
    }

    /// The innermost cause, and not what was tried with its consequence.
    @Test func causesAreFollowedToTheInnermost() throws {
        let log = try RubyLog(Self.log("nameUnknown"))
        #expect(log.lastRaised.map(\.name) == ["SocketError", "Redis::CannotConnectError"])
        let wrapped = RubyLog(["ActiveRecord::StatementInvalid: PG::DiskFull: ERROR:  could not extend file"])
        #expect(wrapped.lastRaised.map(\.name) == ["PG::DiskFull", "ActiveRecord::StatementInvalid"])
    }
}
