import ClientKit
import Foundation
import Journal
import TestSupport
import Testing

/// `Tests/SecondModule` is `runner` with one more module: every command finds it by its number.
@Suite(.timeLimit(.minutes(20))) struct SecondModuleTests {
    private let scratch: URL
    private var inventory: String { scratch.appending(path: "inventory.json").path }
    private var state: String { scratch.appending(path: "state").path }

    init() throws {
        scratch = FileManager.default.temporaryDirectory.appending(path: "second-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    }

    private func clear() {
        do { try FileManager.default.removeItem(at: scratch) } catch { Issue.record("\(error)") }
    }

    @Test func itsStepsAreListed() async throws {
        defer { clear() }
        let modules = try await run("steps")
        #expect(modules.output.split(separator: "\n").map { $0.prefix(4) } == ["11  ", "12  "])
        let steps = try await run("steps", "12")
        #expect(steps.output.hasPrefix("12_nb_00_publish  namespace and notice\n12_nb_01_tests    "))
        #expect(try await run("steps", "13").output.contains("runner knows modules 11 and 12 only"))
    }

    @Test(arguments: ["plan", "run", "doctor"])
    func withoutItsSectionItIsRefusedBeforeAnythingIsWritten(command: String) async throws {
        defer { clear() }
        try writeInventory { _ in }
        let place = command == "run" ? ["--state-dir", state] : []
        let ended = try await run([command, "12", "--inventory", inventory] + place)
        #expect(ended.status == 65)
        #expect(ended.output.contains("notice: is missing; module 12 needs it"), "\(ended.output)")
        #expect(!FileManager.default.fileExists(atPath: state))
        #expect(try await run("inventory", "check", "--inventory", inventory).status == 0)
    }

    @Test func aMistakeInItsSectionIsReportedWithItsPath() async throws {
        defer { clear() }
        try writeInventory { $0["notice"] = ["text": $0["name"]] }
        let ended = try await run("inventory", "check", "--inventory", inventory)
        #expect(ended.status == 65)
        #expect(ended.output.contains("notice.text: must say more than the platform's name"), "\(ended.output)")
    }

    @Test func whereOnlyItsSectionIsThereTheFirstModuleIsRefused() async throws {
        defer { clear() }
        try writeInventory {
            $0["notice"] = ["text": "closed on Sundays"]
            $0["chatwoot"] = nil
        }
        #expect(try await run("inventory", "check", "--inventory", inventory).status == 0)
        let ended = try await run("plan", "11", "--inventory", inventory)
        #expect(ended.status == 65)
        #expect(ended.output.contains("chatwoot: is missing; module 11 needs it"), "\(ended.output)")
    }

    /// There are no credentials: the run ends before it connects to anything.
    @Test func itsRunIsRecordedAsItsOwn() async throws {
        defer { clear() }
        try writeInventory { $0["notice"] = ["text": "closed on Sundays"] }
        #expect(try await run("run", "12", "--inventory", inventory, "--state-dir", state).status == 65)
        let recorded = try #require(try StateDirectory.reading(state).runs().first)
        let header = try #require(try recorded.header().content)
        #expect(header.module == "12")
        #expect(header.steps == ["12_nb_00_publish", "12_nb_01_tests"])
    }

    /// As above: what ends it is that there are no credentials, with the section or without.
    @Test(arguments: [true, false]) func itsUnfinishedRunIsResumed(hasSection: Bool) async throws {
        defer { clear() }
        try writeInventory { $0["notice"] = hasSection ? ["text": "closed on Sundays"] : nil }
        let bytes = try Data(contentsOf: URL(filePath: inventory))
        let description = RunDescription(
            module: "12", steps: ["12_nb_00_publish", "12_nb_01_tests"], runnerVersion: "1",
            inventoryPath: inventory, inventoryDigest: SHA256.hash(data: Array(bytes)).hex)
        let directory = try StateDirectory.prepare(state)
        let lock = try ModuleLock.acquire(module: "12", in: directory)
        let journal = try await RunJournal.create(
            description, in: directory, holding: lock, redactor: Redactor())
        try await journal.finish(.failed, exitCode: 1)
        try lock.release()

        let resumed = try await run("resume", "--inventory", inventory, "--state-dir", state)
        #expect(resumed.status == 65)
        let cause = hasSection ? "/nowhere" : "notice: is missing; module 12 needs it"
        #expect(resumed.output.contains(cause), "\(resumed.output)")
        let run = try #require(try StateDirectory.reading(state).runs().first)
        #expect(try run.earlierOutcomes().count == 1)
    }

    /// The shipped inventory without credentials, changed by `edit`.
    private func writeInventory(_ edit: (inout [String: Any]) -> Void) throws {
        try Shipped.writeInventory(to: URL(filePath: inventory)) { object in
            object["credentials"] = ["directory": "/nowhere"]
            edit(&object)
        }
    }

    private func run(_ arguments: String...) async throws -> (output: String, status: Int32) {
        try await run(arguments)
    }

    private func run(_ arguments: [String]) async throws -> (output: String, status: Int32) {
        try await Program.secondModule.run(arguments)
    }
}
