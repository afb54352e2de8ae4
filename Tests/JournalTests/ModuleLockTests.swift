import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

@Suite struct ModuleLockTests {
    @Test func theSecondHolderIsToldWhoTheFirstIs() throws {
        let state = try Scratch().state()
        let id = try RunJournal.newID(module: "11", in: state)
        var origin = Origin.current()
        origin.login = "alice"
        let first = try ModuleLock.acquire(module: "11", in: state, run: id, origin: origin)
        let error = #expect(throws: JournalError.self) {
            try ModuleLock.acquire(module: "11", in: state, run: RunJournal.newID(module: "11", in: state))
        }
        #expect(error?.kind == .busy)
        #expect(error?.holder?.run == id)
        #expect(error?.cause.contains("alice") == true)
        #expect(try ModuleLock.holder(of: "11", in: state)?.who.login == "alice")
        let other = try ModuleLock.acquire(module: "12", in: state, run: id)
        try first.release()
        #expect(try ModuleLock.holder(of: "11", in: state) == nil)
        let again = try ModuleLock.acquire(module: "11", in: state, run: id)
        try again.release()
        try other.release()
    }

    @Test func aHolderThatIsKilledFreesTheModuleAtOnceThoughItsChildLivesOn() throws {
        let state = try Scratch().state()
        let (process, output) = try launch(helper, ["hold", state.path], input: Pipe())
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let child = try #require(Int32(said.trimmingCharacters(in: .newlines).dropFirst("child ".count)))
        let id = try RunJournal.newID(module: "11", in: state)
        let error = #expect(throws: JournalError.self) { try ModuleLock.acquire(module: "11", in: state, run: id) }
        #expect(error?.holder?.who.pid == process.processIdentifier)
        #expect(try ModuleLock.holder(of: "11", in: state)?.who.pid == process.processIdentifier)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(kill(child, 0) == 0)
        let lock = try ModuleLock.acquire(module: "11", in: state, run: id)
        try lock.release()
        kill(child, SIGKILL)
    }
}
