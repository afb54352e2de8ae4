import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct PlanFileTests {
    enum Damage: CaseIterable {
        case missing, emptied, cut, edited, anothersSeal

        func done(to path: String) throws {
            let file = URL(filePath: path)
            let text = try String(contentsOf: file, encoding: .utf8)
            switch self {
            case .missing: try FileManager.default.removeItem(at: file)
            case .emptied: try Data().write(to: file)
            case .cut: try Data(text.utf8.prefix(text.utf8.count / 2)).write(to: file)
            case .edited: try Data(text.replacing("mend second", with: "raze second").utf8).write(to: file)
            case .anothersSeal:
                try SealedFile(sealing: ["summary": "some other sealed file"]).write(to: path)
            }
        }
    }

    @Test(arguments: Damage.allCases) func aFileThatIsNotAsItWasWrittenIsRefused(_ damage: Damage) async throws {
        let bench = try Bench()
        let path = "\(bench.scratch.path)/plan.json"
        try await bench.plan().write(to: path)
        _ = try await ModulePlan.read(from: path, for: bench.fakeModule)
        try damage.done(to: path)
        do {
            _ = try await ModulePlan.read(from: path, for: bench.fakeModule)
            Issue.record("it was read")
        } catch let error as any ExplainedError {
            #expect(error.kind == .badInput)
            #expect(error.attempt.contains(path))
            #expect(error.remedy.contains("runner plan 11 -o"))
        }
    }

    /// A plan as each format wrote it; a format that has shipped is never edited here.
    private static func example(ofFormat format: Int) throws -> String {
        try #require(Bundle.module.resourceURL).appending(path: "Fixtures/plan-format-\(format).json").path
    }

    @Test func theWrittenExampleOfThisFormatIsReadAndWrittenAgainAsItIs() async throws {
        let path = try Self.example(ofFormat: 2)
        let plan = try await ModulePlan.read(from: path, for: Bench().fakeModule)
        #expect(try SealedFile(sealing: plan.content).bytes == [UInt8](Data(contentsOf: URL(filePath: path))))
        let worker = Change.Subject.object(kind: "Deployment", namespace: "chatwoot", name: "chatwoot-worker")
        #expect(
            plan.content.warnings == [
                ModulePlan.Warning(
                    subject: .object(kind: "Deployment", namespace: "chatwoot", name: "chatwoot-web"),
                    text: "Deployment chatwoot/chatwoot-web: the API server warns: would violate PodSecurity "
                        + "\"restricted:latest\""),
                ModulePlan.Warning(
                    subject: nil,
                    text: "postgres.env names 10.0.0.11, the inventory 10.0.0.10: the inventory is used"),
            ])
        #expect(
            plan.content.steps.map(\.changes) == [
                [],
                [
                    Change(
                        "create role \"chatwoot\" with LOGIN and no other right", .predicted, .create,
                        .role(name: "chatwoot")),
                    Change(
                        .change, .database(name: "chatwoot"), field: "owner", old: "postgres", new: "chatwoot",
                        .predicted),
                ],
                [
                    Change(
                        "Secret chatwoot/chatwoot-secrets: data.REDIS_PASSWORD: changed (set by kubectl-patch, "
                            + "2026-11-24T09:05:41Z)",
                        .proved, .change, .object(kind: "Secret", namespace: "chatwoot", name: "chatwoot-secrets"),
                        field: "data.REDIS_PASSWORD", old: "•••", new: "•••", startingPoint: "resourceVersion 2231")
                ],
                [
                    Change(
                        "load the schema and seed the database, in a Job", .knownAfterApply, .run,
                        startingPoint: "empty")
                ],
                [
                    Change(.change, worker, field: "spec.replicas", old: "1", new: "2", .proved),
                    Change(.create, .object(kind: "Service", namespace: "chatwoot", name: "chatwoot-web"), .proved),
                ],
            ])
    }

    @Test func aPlanOfAnEarlierFormatIsRefusedWithWhatToDo() async throws {
        let path = try Self.example(ofFormat: 1)
        do {
            _ = try await ModulePlan.read(from: path, for: Bench().fakeModule)
            Issue.record("it was read")
        } catch let error as any ExplainedError {
            #expect(error.kind == .badInput)
            #expect(error.cause.contains("a plan of format 1, written by runner 1.0.0"), "\(error.cause)")
            #expect(error.remedy == "make a new plan with `runner plan 11 -o \(path)`")
        }
    }

    @Test func aPlanOfAnotherModuleInventoryOrListOfStepsIsRefusedBeforeAnythingIsTouched() async throws {
        let bench = try Bench()
        let plan = try await bench.planFile()
        bench.world.forgetCalls()
        var module = bench
        module.module = 12
        try await Self.refused(module, plan, saying: ["module 11", "module 12"])
        var inventory = bench
        inventory.inventory = try Bench.inventory(blanks: 1)
        try await Self.refused(
            inventory, plan,
            saying: [String(bench.inventory.digest.prefix(12)), String(inventory.inventory.digest.prefix(12))])
        var longer = bench
        longer.version = "2.0-test"
        longer.steps.append("fourth")
        try await Self.refused(longer, plan, saying: ["1.0-test", "2.0-test", "lacks fourth"])
        longer.steps = ["first", "third"]
        try await Self.refused(longer, plan, saying: ["has second"])
        longer.steps = ["first", "third", "second"]
        try await Self.refused(longer, plan, saying: ["a different order"])
        #expect(try bench.state.runs().isEmpty)
    }

    @Test func aPlanOfAnotherVersionWithTheSameStepsIsCarriedOut() async throws {
        var bench = try Bench()
        let plan = try await bench.planFile()
        bench.version = "2.0-test"
        #expect(try await bench.run(plan: plan).failure == nil)
    }

    @Test func aFileThatCannotBeWrittenIsNamed() async throws {
        let bench = try Bench()
        let error = await #expect(throws: StepFailure.self) {
            try await bench.plan().write(to: "\(bench.scratch.path)/no/such/folder/plan.json")
        }
        #expect(error?.remedy.contains("--output") == true)
        #expect(error?.kind == .stateNotWritable)
    }

    @Test func theFileIsItsOwnersAloneHoldsNoSecretAndReplacesTheOneBefore() async throws {
        let bench = try Bench()
        bench.redactor.add(Secret("correct-horse-battery"))
        bench.world.finds(
            [Change("set x to correct-horse-battery", .proved, startingPoint: "resourceVersion 7")], in: "first")
        let path = "\(bench.scratch.path)/plan.json"
        try Data("something that was there before".utf8).write(to: URL(filePath: path))
        try await bench.plan().write(to: path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains("correct-horse-battery"))
        let plan = try await ModulePlan.read(from: path, for: bench.fakeModule)
        #expect(plan.content.steps[0].changes == [Change("set x to •••", .proved, startingPoint: "resourceVersion 7")])
        #expect((plan.content.module, plan.content.runner) == (11, "1.0-test"))
        #expect(plan.content.inventory.sha256 == bench.inventory.digest)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: bench.scratch.path).sorted() == ["plan.json", "state"])
        // What was redacted is compared redacted.
        #expect(try await bench.run(plan: plan).failure == nil)
    }

    @Test func theRunKeepsThePlanAndNamesItsDigest() async throws {
        let bench = try Bench()
        let plan = try await bench.planFile()
        #expect(try await bench.run(plan: plan).failure == nil)
        let run = try bench.newest()
        #expect(try run.header().content?.plan == plan.sha256)
        guard case .runStart(let opening) = try run.entries().first?.content else {
            Issue.record("the first record opens the run")
            return
        }
        #expect(opening.plan == plan.sha256)
        #expect(try run.plan(ModulePlan.self).content?.steps.map(\.step) == ["first", "second", "third"])
        let kept = try Data(contentsOf: URL(filePath: "\(run.path)/plan.json"))
        #expect([UInt8](kept) == plan.bytes)
        #expect(try bench.records().contains("plan.comparison unmoved"))
        try bench.expectIntact()
        try Data(plan.bytes + [0x20]).write(to: URL(filePath: "\(run.path)/plan.json"))
        let findings = try AuditVerifier(bench.state).verify(run).findings
        #expect(findings.map(\.file) == ["plan.json"])
    }

    private static func refused(_ bench: Bench, _ plan: ModulePlan.File, saying words: [String]) async throws {
        do {
            _ = try await bench.run(plan: plan)
            Issue.record("it was carried out")
        } catch let error as StepFailure {
            #expect(error.kind == .badInput)
            for word in words { #expect(error.cause.contains(word), "\(error.cause)") }
        }
        #expect(bench.world.calls.isEmpty)
    }
}
