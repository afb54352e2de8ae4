import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// What `resume` says of the things that are not as they were when the run began.
@Suite(.timeLimit(.minutes(15))) struct ChangedSinceTests {
    @Test func nothingIsSaidWhereNothingHasChanged() async throws {
        let bench = try await Self.failedInSecond()
        #expect(try await bench.resume().failure == nil)
        #expect(bench.events.warnings.isEmpty)
    }

    @Test func anInventoryOfAnotherLayoutIsTheSame() async throws {
        var bench = try await Self.failedInSecond()
        bench.inventory = try Bench.inventory(blanks: 1)
        #expect(try await bench.resume().failure == nil)
        #expect(bench.events.warnings.isEmpty)
    }

    @Test func anotherImageIsToldAndWhatItMakesToBeDoneAgain() async throws {
        var bench = try await Self.failedInSecond()
        bench.inventory = try Bench.inventory([
            ("chatwoot-keybuzz:v3.12.0", "chatwoot-keybuzz:v3.13.0"),
            (#""replicas": { "web": 2"#, #""replicas": { "web": 3"#),
        ])
        bench.world.unsettle("first")
        #expect(try await bench.resume().failure == nil)
        let image = "ghcr.io/keybuzzio/chatwoot-keybuzz"
        let changed = "changed in the inventory since the run began: chatwoot."
        let told = [
            "\(changed)image: \(image):v3.12.0 → \(image):v3.13.0", "\(changed)replicas.web: 2 → 3",
            "finished steps are checked with the new inventory, and done again where they are not in place",
        ]
        #expect(bench.events.warnings == told + ["first was finished and is done again: mend first"])
        let records = try bench.newest().entries()
        #expect(records.filter { $0.kind == .warning }.compactMap(\.text) == told)
        guard case .runResume(let opening) = try #require(records.first { $0.kind == .runResume }).content
        else { throw Late(what: "the record of the resumption") }
        #expect(opening.inventory?.sha256 == bench.inventory.digest)
        try bench.expectIntact()
    }

    @Test(arguments: [
        ("10.0.0.100", "10.0.0.99", "hosts.k8s-master-01.address: 10.0.0.100 → 10.0.0.99"),
        (#""hosts": ["10.0.0.10"]"#, #""hosts": ["10.0.0.11"]"#, "postgres.hosts.0: 10.0.0.10 → 10.0.0.11"),
        (#""database": "chatwoot""#, #""database": "other""#, "chatwoot.database: chatwoot → other"),
    ])
    func anInventoryOfAnotherPlatformIsRefused(old: String, new: String, words: String) async throws {
        var bench = try await Self.failedInSecond()
        let before = bench.inventory.digest
        bench.inventory = try Bench.inventory([(old, new)])
        let error = await #expect(throws: StepFailure.self) { try await bench.resume() }
        #expect(error?.kind == .badInput)
        #expect(error?.cause.contains(before.prefix(12)) == true)
        #expect(error?.cause.contains(bench.inventory.digest.prefix(12)) == true)
        #expect(error?.cause.hasSuffix(": \(words)") == true, "\(error?.cause ?? "")")
        #expect(bench.world.calls.isEmpty)
        #expect(try bench.newest().entries().allSatisfy { $0.kind != .runResume })
    }

    @Test func aRunThatCarriesOutAPlanKeepsItsInventory() async throws {
        var bench = try Bench()
        let plan = try await bench.planFile()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        _ = try await bench.run(plan: plan)
        bench.world.calm()
        bench.inventory = try Bench.inventory([("chatwoot-keybuzz:v3.12.0", "chatwoot-keybuzz:v3.13.0")])
        let error = await #expect(throws: StepFailure.self) { try await bench.resume() }
        #expect(error?.cause.contains("chatwoot.image: ") == true)
    }

    @Test func anotherVersionIsToldWithItsSteps() async throws {
        var bench = try await Self.failedInSecond()
        bench.version = "1.1-test"
        bench.steps = ["second", "first", "third", "fourth"]
        #expect(try await bench.resume().failure == nil)
        #expect(
            bench.events.warnings == [
                "runner 1.0-test started the run, and runner 1.1-test goes on with it",
                "its steps have another order now: second, first, third",
                "the run does not have the steps fourth: `runner run 11` does them afterwards",
            ])
        #expect(try bench.checkpoints() == ["first applied", "second applied", "third applied"])
    }

    @Test func otherStepsAreToldAlsoWhereTheVersionIsTheSame() async throws {
        var bench = try await Self.failedInSecond()
        bench.steps = ["second", "first", "third", "fourth"]
        #expect(try await bench.resume().failure == nil)
        #expect(
            bench.events.warnings == [
                "its steps have another order now: second, first, third",
                "the run does not have the steps fourth: `runner run 11` does them afterwards",
            ])
    }

    @Test(arguments: [
        StepSelection(only: ["second"]), StepSelection(from: "second"), StepSelection(until: "second"),
        StepSelection(from: "second", only: ["second", "third"]),
    ])
    func whatTheRunWasNotAskedForIsNoChange(_ selection: StepSelection) async throws {
        var bench = try await Self.failedInSecond(selection, onRequest: "reset")
        #expect(try await bench.crashed().resume().failure == nil)
        #expect(bench.events.warnings.isEmpty)
        bench.version = "1.1-test"
        #expect(try await bench.resume().failure == nil)
        #expect(bench.events.warnings == ["runner 1.0-test started the run, and runner 1.1-test goes on with it"])
    }

    @Test(arguments: [(StepSelection(from: "second"), true), (StepSelection(until: "second"), false)])
    func aNewStepIsToldWhereTheRunWouldHaveIt(_ selection: StepSelection, isTold: Bool) async throws {
        var bench = try await Self.failedInSecond(selection)
        bench.steps.append("fourth")
        #expect(try await bench.resume().failure == nil)
        #expect(
            bench.events.warnings
                == (isTold ? ["the run does not have the steps fourth: `runner run 11` does them afterwards"] : []))
    }

    @Test func aVersionThatWentOnInBetweenIsTold() async throws {
        var bench = try await Self.failedInSecond()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        bench.version = "1.1-test"
        #expect(try await bench.resume().failure != nil)
        bench.version = "1.0-test"
        #expect(try await bench.resume().failure != nil)
        bench.version = "1.2-test"
        bench.world.calm()
        #expect(try await bench.resume().failure == nil)
        #expect(
            bench.events.warnings == [
                "runner 1.0-test started the run, and runner 1.1-test goes on with it",
                "runner 1.1-test went on with the run last, and runner 1.0-test goes on with it",
                "runner 1.0-test started the run, and runner 1.2-test goes on with it",
            ])
        try bench.expectIntact()
    }

    /// A run whose second step failed once, and would not again.
    private static func failedInSecond(
        _ selection: StepSelection = StepSelection(), onRequest: String? = nil
    ) async throws -> Bench {
        var bench = try Bench()
        bench.onRequest = onRequest
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let summary = try await bench.run(selection)
        try #require(summary.failure != nil)
        bench.world.calm()
        bench.world.forgetCalls()
        return bench
    }
}
