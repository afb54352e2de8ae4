import Postgres
import StepKit
import Testing

@testable import Steps

/// What `rails db:chatwoot_prepare` would do with each state of the database, and what the step therefore does.
@Suite struct DatabaseTaskTests {
    private static let whole = ["ar_internal_metadata": 1, "schema_migrations": 42, "installation_configs": 40]

    private static func refusal(_ state: DatabaseState) throws -> DatabaseRefusal {
        guard case .refuse(let refusal) = state.task else {
            Issue.record("\(state.task)")
            throw CancellationError()
        }
        return refusal
    }

    @Test func anEmptyDatabaseIsLoadedAndSeeded() {
        #expect(DatabaseState.holding([:]).task == .load)
        // A key left by an earlier installation changes nothing.
        #expect(DatabaseState.holding([:], onboarding: true).task == .load)
        #expect(DatabaseState.holding(["schema_migrations": 3]).task == .load)
        #expect(DatabaseState.sample { $0.server.database = nil }.task == .load)
        #expect(!DatabaseState.holding([:]).savesFirst)
    }

    @Test func aLoadThatWasCutOffHealsItself() {
        #expect(DatabaseState.holding(["accounts": 0, "users": 0]).task == .loadAgain)
        #expect(DatabaseState.holding(["accounts": 0, "schema_migrations": 42]).task == .loadAgain)
    }

    @Test(arguments: [
        "users", "accounts", "conversations", "messages", "installation_configs", "odd_table_of_a_plugin",
    ])
    func aRowInAnyTableIsDataThatIsNeverDropped(_ table: String) throws {
        let refusal = try Self.refusal(
            .holding(["accounts": 0, "users": 0, "schema_migrations": 42].merging([table: 7]) { $1 }))
        #expect(refusal.cause.contains("rows in 1 of "), "\(refusal)")
        #expect(refusal.cause.contains("(\(table) 7) and no ar_internal_metadata"), "\(refusal)")
        #expect(refusal.cause.contains("would drop all tables"))
        #expect(refusal.cure.words.contains("--reset-database"))
    }

    @Test func theExampleWithoutUsersIsRefusedWithItsFigures() throws {
        let refusal = try Self.refusal(
            .holding(["accounts": 2, "conversations": 500, "messages": 5000, "users": 0, "schema_migrations": 42]))
        #expect(
            refusal.cause.contains("rows in 3 of 5 tables (messages 1000 or more, conversations 500, accounts 2)"),
            "\(refusal)")
    }

    @Test func rowsThatMayNotBeSeenAreData() throws {
        let refusal = try Self.refusal(
            .holding([:]) { state in
                var table = RelationFacts.table("messages", rows: 2, owner: "other")
                table.readerSeesRows = false
                table.rows = .unseen
                state.contents?.relations = [table]
            })
        #expect(refusal.cause.contains("messages 16384 bytes that kb_admin may not read"), "\(refusal)")
    }

    /// As where Chatwoot's role cannot log in, and the administrator may not read its tables.
    @Test func migrationsThatCannotBeReadAreNotMissing() {
        let state = DatabaseState.holding(Self.whole.merging(["users": 3]) { $1 }) { $0.migrations = nil }
        #expect(state.task == .unknown)
        #expect(state.summary == "migrations that cannot be read")
    }

    @Test func rowsOfAMaterialisedViewAreData() throws {
        let refusal = try Self.refusal(
            .holding(["accounts": 0]) {
                $0.contents?.relations.append(.table("report", rows: 3, kind: .materialisedView))
            })
        #expect(refusal.cause.contains("(report 3)"))
    }

    @Test func rowsWhereChatwootDoesNotLookAreSavedAndLeftAlone() {
        let state = DatabaseState.holding([:]) { state in
            state.contents?.schemas.append(
                SchemaFacts(
                    name: "extra", owner: "chatwoot", roleMayUse: true, roleMayCreate: true, readerMayGrant: true))
            state.contents?.relations = [.table("notes", rows: 3, in: "extra")]
        }
        #expect(state.task == .load && state.savesFirst)
        #expect(state.dataWords == "extra.notes 3")
        let large = DatabaseState.holding(["accounts": 0]) { $0.contents?.hasLargeObjects = true }
        #expect(large.task == .loadAgain && large.savesFirst)
        #expect(large.dataWords == "large objects")
    }

    @Test func metadataWhereChatwootDoesNotLookIsNone() throws {
        let refusal = try Self.refusal(
            .holding(["users": 3]) { state in
                state.contents?.schemas.append(
                    SchemaFacts(
                        name: "spare", owner: "chatwoot", roleMayUse: true, roleMayCreate: true, readerMayGrant: true))
                state.contents?.relations.append(.table("ar_internal_metadata", rows: 1, in: "spare"))
            })
        #expect(
            refusal.cause.contains("there is one in schema spare, which is not in the search_path of chatwoot"),
            "\(refusal)")
    }

    @Test func aSearchPathDecidesWhereChatwootLooks() {
        let tables = [
            RelationFacts.table("users", rows: 3, in: "app"), .table("ar_internal_metadata", rows: 1, in: "app"),
        ]
        func state(_ path: String?) -> DatabaseState {
            .holding([:], migrations: 42) { state in
                state.sessionPath = nil
                state.server.searchPath = path
                state.contents?.schemas.append(
                    SchemaFacts(
                        name: "app", owner: "chatwoot", roleMayUse: true, roleMayCreate: true, readerMayGrant: true))
                state.contents?.relations = tables
            }
        }
        #expect(state(nil).task == .load && state(nil).savesFirst)
        #expect(state("app, public").task == .keep)
        #expect(state(#""$user", "app", nowhere"#).path == ["app"])
        #expect(state(#"PUBLIC,app"#).path == ["public", "app"])
    }

    @Test func aSeedThatNeverRanIsNamed() {
        #expect(DatabaseState.holding(Self.whole).task == .seed)
        // `db:migrate` on an empty database makes the metadata table, after which neither schema nor seed is loaded.
        #expect(DatabaseState.holding(["ar_internal_metadata": 1, "schema_migrations": 42, "users": 0]).task == .seed)
    }

    /// It is cut off between the settings and the onboarding key, and an inventory need not name a host for backups.
    @Test func whatASeedThatWasCutOffHasWrittenIsNotSaved() {
        let rows = ["ar_internal_metadata": 1, "schema_migrations": 42, "users": 0, "installation_configs": 7]
        #expect(DatabaseState.holding(rows).task == .seed && !DatabaseState.holding(rows).savesFirst)
        #expect(DatabaseState.holding(rows, onboarding: true).savesFirst)
        let elsewhere = DatabaseState.holding(rows) { state in
            state.contents?.relations.append(.table("installation_configs", rows: 1, in: "copy"))
        }
        #expect(elsewhere.task == .seed && elsewhere.savesFirst)
    }

    @Test func usersAndMetadataThatAreEmptyBesideDataAreRefused() throws {
        let rows = ["ar_internal_metadata": 0, "schema_migrations": 0, "users": 0, "accounts": 1, "conversations": 500]
        for onboarding in [false, true] {
            let refusal = try Self.refusal(.holding(rows, onboarding: onboarding))
            #expect(refusal.cause.contains("(conversations 500, accounts 1) and no migrations in schema_migrations"))
        }
        let metadata = try Self.refusal(.holding(rows.merging(["schema_migrations": 42]) { _, new in new }))
        #expect(metadata.cause.contains("no users, and Redis has no onboarding key"), "\(metadata)")
        #expect(metadata.cure.words.contains("redis-cli SET alfred:CHATWOOT_INSTALLATION_ONBOARDING true"))
    }

    @Test func aCompleteOneIsKeptAndSavedBeforeItsMigration() {
        let users = Self.whole.merging(["users": 3]) { $1 }
        #expect(DatabaseState.holding(users).task == .keep)
        #expect(DatabaseState.holding(users).savesFirst)
        #expect(DatabaseState.holding(Self.whole, onboarding: true).task == .keep)
    }

    @Test func usersBesideTheOnboardingKeyAreOpenToStrangers() {
        let users = Self.whole.merging(["users": 1]) { $1 }
        #expect(DatabaseState.holding(users, onboarding: true).isOpenToStrangers)
        #expect(!DatabaseState.holding(users).isOpenToStrangers)
        #expect(!DatabaseState.holding(Self.whole, onboarding: true).isOpenToStrangers)
    }

    @Test func nothingIsJudgedThatNobodyCanLookAt() {
        #expect(DatabaseState.sample { $0.contents = nil }.task == .unknown)
    }

    @Test func saysWhatItHolds() {
        #expect(DatabaseState.holding(Self.whole).summary == "42 migrations, newest 20240516003531")
        #expect(DatabaseState.holding([:]).figures == "0 tables, 0 migrations, newest none")
    }

    @Test func knowsTheFiguresOfTheShippedImage() throws {
        let image = try SiteSample.inventory().chatwoot.image
        #expect(DatabaseState.holding(Self.whole).isKnownToBeComplete(for: image))
        #expect(!DatabaseState.holding(Self.whole, migrations: 41).isKnownToBeComplete(for: image))
    }
}
