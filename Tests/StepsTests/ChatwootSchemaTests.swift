import StepKit
import Testing

@testable import Steps

/// What `rails db:chatwoot_prepare` would do with each state of the database.
@Suite struct ChatwootSchemaTests {
    private static func schema(
        tables: Int, isLoaded: Bool, users: Int = 0, settings: Int = 0, isOnboarding: Bool = false, migrations: Int = 0
    ) -> ChatwootSchema {
        ChatwootSchema(
            tables: tables, isLoaded: isLoaded, migrations: migrations, newest: migrations == 0 ? "" : "20240516003531",
            users: users, settings: settings, isOnboarding: isOnboarding)
    }

    @Test func anEmptyDatabaseIsLoadedAndSeeded() {
        #expect(Self.schema(tables: 0, isLoaded: false).state == .empty)
        // A key left by an earlier installation changes nothing.
        #expect(Self.schema(tables: 0, isLoaded: false, isOnboarding: true).state == .empty)
    }

    @Test func aLoadThatWasCutOffHealsItself() {
        #expect(Self.schema(tables: 30, isLoaded: false).state == .halfLoaded)
        #expect(Self.schema(tables: 66, isLoaded: false, migrations: 42).state == .halfLoaded)
    }

    @Test func dataWithoutMetadataWouldBeDropped() {
        #expect(Self.schema(tables: 66, isLoaded: false, users: 1, settings: 40).state == .wouldBeDropped)
        #expect(Self.schema(tables: 66, isLoaded: false, users: 1, isOnboarding: true).state == .wouldBeDropped)
    }

    @Test func aSeedThatNeverRanIsNamed() {
        #expect(Self.schema(tables: 67, isLoaded: true, migrations: 42).state == .unseeded)
        // `db:migrate` on an empty database makes the metadata table, after which neither schema nor seed is loaded.
        #expect(Self.schema(tables: 67, isLoaded: true, settings: 0, migrations: 42).state == .unseeded)
    }

    @Test func aCompleteOneIsLoaded() {
        #expect(
            Self.schema(tables: 67, isLoaded: true, settings: 40, isOnboarding: true, migrations: 42).state == .loaded)
        #expect(Self.schema(tables: 67, isLoaded: true, users: 3, settings: 40, migrations: 42).state == .loaded)
    }

    @Test func usersBesideTheOnboardingKeyAreOpenToStrangers() {
        #expect(
            Self.schema(tables: 67, isLoaded: true, users: 1, settings: 40, isOnboarding: true, migrations: 42)
                .isOpenToStrangers)
        #expect(!Self.schema(tables: 67, isLoaded: true, users: 1, settings: 40, migrations: 42).isOpenToStrangers)
        #expect(
            !Self.schema(tables: 67, isLoaded: true, settings: 40, isOnboarding: true, migrations: 42).isOpenToStrangers
        )
    }

    @Test func saysWhatItHolds() {
        #expect(Self.schema(tables: 67, isLoaded: true, migrations: 42).words == "42 migrations, newest 20240516003531")
        #expect(Self.schema(tables: 0, isLoaded: false).words == "0 migrations, newest none")
    }

    @Test func knowsTheFiguresOfTheShippedImage() throws {
        let tag = try #require(try SiteSample.inventory().chatwoot.image.tag)
        let known = try #require(ChatwootSchema.known[tag])
        #expect(known.migrations == 42)
        #expect(known.newest == "20240516003531")
    }
}
