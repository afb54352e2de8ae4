import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

@Suite struct ModuleLockTests {
    @Test func theSecondHolderIsToldWhoTheFirstIs() throws {
        let state = try Scratch().state()
        let id = try #require(RunID("20260101T000000Z-11-0abc"))
        var origin = Origin.current()
        origin.login = "alice"
        let first = try ModuleLock.acquire(module: "11", in: state)
        let early = #expect(throws: JournalError.self) {
            try ModuleLock.acquire(module: "11", in: state)
        }
        #expect(early?.cause == "another run holds it and has only just started")
        try first.assign(to: id, origin: origin)
        let error = #expect(throws: JournalError.self) {
            try ModuleLock.acquire(module: "11", in: state)
        }
        #expect(error?.kind == .busy)
        #expect(error?.holder?.run == id)
        #expect(error?.cause.contains("alice") == true)
        #expect(try ModuleLock.holder(of: "11", in: state)?.who.login == "alice")
        let other = try ModuleLock.acquire(module: "12", in: state)
        try first.release()
        #expect(try ModuleLock.holder(of: "11", in: state) == nil)
        let again = try ModuleLock.acquire(module: "11", in: state)
        try again.release()
        try other.release()
    }

    @Test func aHolderThatIsKilledFreesTheModuleAtOnceThoughItsChildLivesOn() throws {
        let state = try Scratch().state()
        let (process, output) = try launch(helper, ["hold", state.path], input: Pipe())
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let child = try #require(Int32(said.trimmingCharacters(in: .newlines).dropFirst("child ".count)))
        let error = #expect(throws: JournalError.self) { try ModuleLock.acquire(module: "11", in: state) }
        #expect(error?.holder?.who.pid == process.processIdentifier)
        #expect(try ModuleLock.holder(of: "11", in: state)?.who.pid == process.processIdentifier)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(kill(child, 0) == 0)
        let lock = try ModuleLock.acquire(module: "11", in: state)
        try lock.release()
        kill(child, SIGKILL)
    }

    /// Runs of different modules do not exclude each other, and share one chain.
    @Test func runsThatBeginTogetherAreNamedAndChainedInOneOrder() async throws {
        let state = try Scratch().state()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for module in 11...18 {
                group.addTask {
                    let lock = try ModuleLock.acquire(module: "\(module)", in: state)
                    let journal = try await RunJournal.create(
                        RunDescription(
                            module: "\(module)", steps: allSteps, runnerVersion: "1.0",
                            inventoryPath: "/etc/inventory.json", inventoryDigest: "00"),
                        in: state, holding: lock, redactor: Redactor())
                    #expect(try ModuleLock.holder(of: "\(module)", in: state)?.run == journal.id)
                    try lock.release()
                }
            }
            try await group.waitForAll()
        }
        let runs = try state.runs()
        #expect(runs.count == 8)
        let predecessors = try runs.map { try $0.header().content?.previous?.run }
        #expect(predecessors == runs.dropFirst().map(\.id) + [nil])
        for run in runs { #expect(try AuditVerifier(state).verify(run).findings.isEmpty) }
    }
}
