import ClientKit
import Foundation
import Journal
import StepKit
import Testing

@testable import RunnerCommands

@Suite(.timeLimit(.minutes(20))) struct ModuleListTests {
    private static func module(_ number: Int) -> StepKit.Module {
        StepKit.Module(
            number: number, summary: "module \(number)",
            application: { _ in Application(namespace: "rehearsal") }, steps: [], orderNote: "",
            preflight: { _ in [] }, diagnose: { _ in [] }, evidence: { _ in [] })
    }

    private let one = ModuleList(modules: [module(11)])
    private let three = ModuleList(modules: [module(11), module(12), module(13)])

    @Test func anUnknownNumberIsRefusedWithThoseThatAreKnown() throws {
        #expect(try three.module(12).number == 12)
        let many = try #require(throws: StepFailure.self) { try three.module(14) }
        #expect(many.attempt == "find module 14")
        #expect(many.cause == "runner knows modules 11, 12 and 13 only")
        #expect(many.remedy == "run `runner steps` to list them")
        #expect(many.kind == .usage)
        let single = try #require(throws: StepFailure.self) { try one.module(12) }
        #expect(single.cause == "runner knows module 11 only")
    }

    @Test func theIdOfARunNamesItsModule() throws {
        let known = try #require(RunID("20261124T084501Z-12-3f9a"))
        #expect(try three.module(of: known).number == 12)
        let unknown = try #require(RunID("20261124T084501Z-14-3f9a"))
        let failure = try #require(throws: StepFailure.self) { try three.module(of: unknown) }
        #expect(failure.attempt == "find module 14 of run 20261124T084501Z-14-3f9a")
        #expect(failure.kind == .usage)
    }

    @Test func resumeTriesTheModuleOfTheNewestUnfinishedRunFirst() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "list-\(UUID().uuidString)").path
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(error)") }
        }
        let state = try StateDirectory.prepare(path)
        #expect(try three.toResume(in: state).map(\.number) == [11, 12, 13])
        try await record(module: "12", .failed, in: state)
        try await record(module: "13", .failed, in: state)
        try await record(module: "11", .succeeded, in: state)
        #expect(try three.toResume(in: state).map(\.number) == [13, 12, 11])
    }

    private func record(
        module: String, _ result: RunResult, in state: StateDirectory
    ) async throws {
        let lock = try ModuleLock.acquire(module: module, in: state)
        let description = RunDescription(
            module: module, steps: ["a_step"], runnerVersion: "1",
            inventoryPath: "/inventory.json", inventoryDigest: "")
        let journal = try await RunJournal.create(
            description, in: state, holding: lock, redactor: Redactor())
        try await journal.finish(result, exitCode: result == .succeeded ? 0 : 1)
        try lock.release()
    }

    @Test func stepsWithoutANumberListsTheModules() async throws {
        let text = try await Program.runner.run(["steps"])
        #expect(text.output == "11  Chatwoot, the support desk\n")
        let json = try await Program.runner.run(["steps", "--format", "json"])
        let rows = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
        #expect(rows?.count == 1)
        #expect(rows?.first?["module"] as? Int == 11)
        #expect(rows?.first?["summary"] as? String == "Chatwoot, the support desk")
        #expect(try await Program.runner.run(["steps", "11"]).output.hasPrefix("fix_ufw_k8s_nodes "))
    }

    @Test(arguments: [
        ["steps", "12"], ["plan", "12"], ["run", "12"], ["doctor", "12"],
        ["unlock", "20261124T084501Z-12-3f9a"],
    ])
    func everyCommandRefusesAnUnknownModule(arguments: [String]) async throws {
        let ended = try await Program.runner.run(arguments)
        #expect(ended.status == 64)
        #expect(ended.output.contains("runner knows module 11 only"), "\(ended.output)")
    }

    @Test func unlockAsksForTheIdOfARun() async throws {
        let ended = try await Program.runner.run(["unlock", "yesterday"])
        #expect(ended.status == 64)
        #expect(ended.output.contains("'yesterday' is not a run's id"), "\(ended.output)")
    }
}
