import Kubernetes
import Postgres
import StepKit
import Testing

@testable import Steps

/// Whether a Job whose end no run has seen has migrated the database.
@Suite struct MigrationStartTests {
    private static let digest = "sha256:" + String(repeating: "a", count: 64)
    private static let before = DatabaseState.Migrations(count: 40, newest: "20240101000000")
    private static let after = DatabaseState.Migrations(count: 42, newest: "20240516003531")

    private static func image(_ digest: String = digest) throws -> ResolvedImage {
        ResolvedImage(try #require(ImageReference("ghcr.io/a/b:v4")), digest: digest, source: .registry)
    }

    private static func job(
        _ image: ResolvedImage, at created: String = "2026-11-28T10:00:00Z", condition: String = "Complete",
        annotations: [String: String]?
    ) -> JSONValue {
        [
            "kind": "Job",
            "metadata": [
                "name": "chatwoot-migrations-1", "creationTimestamp": .string(created),
                "annotations": .object((annotations ?? [:]).mapValues { .string($0) }),
            ],
            "spec": ["template": ["spec": ["containers": [["name": "migrations", "image": .string(image.name)]]]]],
            "status": ["conditions": [["type": .string(condition), "status": "True"]]],
        ]
    }

    private static func isDone(
        by jobs: [JSONValue], now: DatabaseState.Migrations = after, record: String? = nil, database: Int = 16_500,
        users: Int = 0
    ) throws -> Bool {
        let state = DatabaseState.holding(["ar_internal_metadata": 1, "users": users]) { state in
            state.migrations = now
            state.server.database = DatabaseFacts(name: "chatwoot", owner: "chatwoot", oid: database)
        }
        return MigrationStart.isDone(by: jobs, for: try image(), to: state, recordVersion: record)
    }

    private static func annotations(record: String = "", migrations: Int = 40) -> [String: String] {
        [
            "keybuzz.io/migrations-before": "\(migrations)",
            "keybuzz.io/newest-migration-before": migrations == 0 ? "" : "20240101000000",
            "keybuzz.io/schema-record-before": record, "keybuzz.io/database-oid": "16500",
        ]
    }

    @Test func theNewestCompleteJobOfTheImageCounts() throws {
        let done = Self.job(try Self.image(), annotations: Self.annotations())
        #expect(try Self.isDone(by: [done]))
        let earlier = Self.job(
            try Self.image("sha256:other"), at: "2026-11-28T09:59:59Z", annotations: Self.annotations())
        #expect(try Self.isDone(by: [earlier, done]))
        #expect(try !Self.isDone(by: []))
        #expect(MigrationStart(done)?.annotations == Self.annotations())
    }

    @Test(arguments: ["Failed", "SuccessCriteriaMet", "Suspended"])
    func anotherEndDoesNotCount(_ condition: String) throws {
        let job = Self.job(try Self.image(), condition: condition, annotations: Self.annotations())
        #expect(try !Self.isDone(by: [job]))
    }

    @Test(arguments: ["2026-11-28T10:00:00Z", "2026-11-28T10:00:01Z"])
    func aJobWithALaterOneOrOneOfTheSameSecondDoesNotCount(_ created: String) throws {
        let done = Self.job(try Self.image(), annotations: Self.annotations())
        for condition in ["Complete", "Failed"] {
            let other = Self.job(
                try Self.image("sha256:other"), at: created, condition: condition, annotations: Self.annotations())
            #expect(try !Self.isDone(by: [done, other]))
        }
    }

    @Test func aJobOfAnotherImageOrAnEarlierVersionDoesNotCount() throws {
        #expect(try !Self.isDone(by: [Self.job(try Self.image("sha256:other"), annotations: Self.annotations())]))
        #expect(try !Self.isDone(by: [Self.job(try Self.image(), annotations: nil)]))
    }

    /// The record is written after each migration: one that has another version tells of a later one.
    @Test func aJobBeforeTheRecordedMigrationDoesNotCount() throws {
        let done = Self.job(try Self.image(), annotations: Self.annotations(record: "17"))
        #expect(try Self.isDone(by: [done], record: "17"))
        #expect(try !Self.isDone(by: [done], record: "18"))
        #expect(try !Self.isDone(by: [done]))
        #expect(try !Self.isDone(by: [Self.job(try Self.image(), annotations: Self.annotations())], record: "17"))
    }

    /// As after a reset and the restore of another backup.
    @Test func aJobOfAnotherDatabaseDoesNotCount() throws {
        #expect(try !Self.isDone(by: [Self.job(try Self.image(), annotations: Self.annotations())], database: 16_501))
    }

    /// Nobody can have signed up before the pods are there.
    @Test func aLoadIsNotWhatMadeADatabaseWithUsers() throws {
        let load = Self.job(try Self.image(), annotations: Self.annotations(migrations: 0))
        #expect(try Self.isDone(by: [load]))
        #expect(try !Self.isDone(by: [load], users: 1))
        #expect(try Self.isDone(by: [Self.job(try Self.image(), annotations: Self.annotations())], users: 1))
    }

    /// As after a restore of the backup that was made before the Job.
    @Test func aDatabaseAsItWasBeforeTheJobIsNotMigrated() throws {
        let done = Self.job(try Self.image(), annotations: Self.annotations())
        #expect(try !Self.isDone(by: [done], now: Self.before))
        #expect(try !Self.isDone(by: [done], now: .init(count: 39, newest: "20230101000000")))
        #expect(try Self.isDone(by: [done], now: .init(count: 1, newest: "20240516003531")))
    }
}
