import Postgres
import StepKit
import Testing

@testable import Steps

@Suite struct ResetDatabaseTests {
    @Test func theOldDatabaseIsNamedAfterItsRun() {
        #expect(
            ResetDatabase.nameAside("chatwoot", run: "20261124T120000Z-11-3f9a") == "chatwoot_before_20261124t120000z")
        #expect(ResetDatabase.nameAside("chatwoot", run: nil) == "chatwoot_before_time_of_the_run")
    }

    @Test(arguments: [39, 40, 63]) func aLongNameIsCutSoThatTheDateStays(_ length: Int) {
        let name = ResetDatabase.nameAside(String(repeating: "x", count: length), run: "20261124T120000Z-11-3f9a")
        #expect(name.utf8.count == 63)
        #expect(name.hasSuffix("xxx_before_20261124t120000z"))
    }

    @Test func aCharacterIsNeverCutInTwo() {
        let name = ResetDatabase.nameAside(String(repeating: "é", count: 31), run: "20261124T120000Z-11-3f9a")
        #expect(name == String(repeating: "é", count: 19) + "_before_20261124t120000z")
    }

    @Test(arguments: [
        (true, false, false, []), (false, true, true, []), (false, true, false, ["ALTER ROLE \"kb\"\"x\" CREATEDB"]),
        (false, false, true, ["GRANT \"app\" TO \"kb\"\"x\""]),
        (false, false, false, ["GRANT \"app\" TO \"kb\"\"x\"", "ALTER ROLE \"kb\"\"x\" CREATEDB"]),
    ]) func theRightToRenameIsLookedAtFirst(
        isSuperuser: Bool, owns: Bool, createsDatabases: Bool, statements: [String]
    ) {
        var attributes = RoleAttributes()
        attributes.isSuperuser = isSuperuser
        attributes.canCreateDatabases = createsDatabases
        let facts = ServerFacts(
            version: 150_000, reader: .init(name: "kb\"x", attributes: attributes),
            database: DatabaseFacts(name: "chatwoot", owner: "app"), readerOwnsDatabase: owns)
        let refusal = ResetDatabase.refusal(facts, adminDatabase: "postgres")
        #expect((refusal == nil) == statements.isEmpty)
        if let refusal { #expect(refusal.cure == .statements(statements, database: "postgres")) }
    }

    /// A reset that is asked for by mistake is refused; one that was killed behind its last key is done.
    @Test func withoutDatabaseAndKeysOnlyAResumedResetIsDone() {
        let reset = RunOptions(resetsDatabase: true)
        let server = ServerFacts(version: 150_000, reader: .init(name: "kb_admin", attributes: RoleAttributes()))
        var state = DatabaseState(database: "chatwoot", role: "chatwoot", server: server)
        let (none, left) = (
            ChatwootKeys(groups: [], strangers: []),
            ChatwootKeys(groups: [.init(summary: "queues", keys: ["queue:low"])], strangers: [])
        )
        #expect(!ResetDatabase.hasWork(state, keys: none, options: reset.of(run: "a")))
        #expect(ResetDatabase.hasWork(state, keys: none, options: reset.of(run: "a", isResumed: true)))
        #expect(ResetDatabase.hasWork(state, keys: left, options: reset.of(run: "a")))
        state.server.database = DatabaseFacts(name: "chatwoot", owner: "chatwoot")
        #expect(ResetDatabase.hasWork(state, keys: none, options: reset.of(run: "a")))
    }

    @Test func itIsAskedForOnlyByItsOption() {
        #expect(ResetDatabase().isRequested(by: RunOptions(resetsDatabase: true)))
        #expect(!ResetDatabase().isRequested(by: RunOptions(skipsBackup: true)))
        #expect(!module11.steps(for: RunOptions()).map(\.id).contains(ResetDatabase.id))
        let steps = module11.steps(for: RunOptions(resetsDatabase: true)).map(\.id)
        #expect(steps.contains(ResetDatabase.id) && steps.count == module11.steps.count)
    }

    @Test(arguments: [
        ("chatwoot-worker-7d9f-x2:1:0a1b2c", true), ("chatwoot-web-7d9f-x2:1:0a1b2c", false),
        ("chatwoot-workers:1:0", false),
        ("billing:7:ff", false),
    ]) func chatwootsOwnWorkersAreToldFromOthers(_ identity: String, _ isOwn: Bool) {
        #expect(ChatwootKeys.isWorker(identity) == isOwn)
    }
}
