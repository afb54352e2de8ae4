import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

/// What somebody, or a wrong clock, has put into the state directory.
@Suite struct StrangeNamesTests {
    private static let last = "99991231T235959Z-11-0000"

    enum Thing: CaseIterable {
        case folder, file, link, danglingLink, beingMade, beingMadeFile
    }

    @Test(arguments: Thing.allCases)
    func whatIsCalledLikeTheLastRunThereCanBeBlocksNothing(_ thing: Thing) async throws {
        let state = try Scratch().state()
        let place = "\(state.path)/runs/\(Self.last)"
        let before = try await newRun(in: state)
        try await before.playStep(allSteps[0])
        switch thing {
        case .folder: mkdir(place, 0o700)
        case .file: try overwrite(place, Array("what is this".utf8))
        case .link: symlink(try Scratch().path, place)
        case .danglingLink: symlink("/nowhere", place)
        case .beingMade: mkdir("\(state.path)/runs/.\(Self.last).new", 0o700)
        case .beingMadeFile: try overwrite("\(state.path)/runs/.\(Self.last).new", [])
        }
        #expect(try state.newestRun()?.id == before.id)
        #expect(try state.newestUnfinishedRun(module: "11")?.id == before.id)
        let reopened = try await RunJournal.reopen(before.reader, in: state, redactor: Redactor())
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        let next = try await newRun(in: state)
        #expect(next.id > before.id)
        #expect(next.id.description < Self.last)
        try await next.finish(.succeeded, exitCode: 0)
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.runs.flatMap(\.findings) == [])
        // What no run can have made is named.
        let isForeign = [.file, .link, .danglingLink, .beingMadeFile].contains(thing)
        let name = thing == .beingMadeFile ? ".\(Self.last).new" : Self.last
        #expect(report.findings.map(\.file) == (isForeign ? ["runs/\(name)"] : []))
    }

    /// Killed between its name and its first record; the next run knows no more of it than its run.json.
    @Test func aRunThatWasKilledBeforeItsFirstRecordIsNotAccusedOnceAnotherHasFollowed() async throws {
        let state = try Scratch().state()
        let description = RunDescription(
            module: "11", steps: allSteps, runnerVersion: "1.0", inventoryPath: "/i.json", inventoryDigest: "00",
            inventory: Array("{}".utf8), plan: Array("a plan".utf8))
        let stillborn = try await newRun(description, in: state)
        unlink("\(stillborn.path)/audit.jsonl")
        unlink("\(state.path)/heads.jsonl")
        #expect(try AuditVerifier(state).verifyAll().isIntact)
        let next = try await newRun(in: state)
        #expect(try next.reader.header().content?.previous?.run == stillborn.id)
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.runs.flatMap(\.findings) == [])
        #expect(report.findings == [])
        let reopened = try await RunJournal.reopen(stillborn.reader, in: state, redactor: Redactor())
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(try AuditVerifier(state).verifyAll().isIntact)
    }

    @Test func afterARunOfTheLastSecondThereIsStillAnother() throws {
        var newest = try #require(RunID(Self.last))
        for _ in 1...3 {
            let next = try #require(RunID(module: "11", time: Date(), after: newest))
            #expect(next > newest)
            newest = next
        }
        #expect(newest.description == "99991231T235959Z-11-0003")
        let noDate = try #require(RunID("99999999T999999Z-11-0000"))
        #expect(try #require(RunID(module: "11", time: Date(), after: noDate)) > noDate)
        let end = try #require(RunID("99991231T235959Z-11-ffff"))
        #expect(RunID(module: "11", time: Date(), after: end) == nil)
        #expect(RunID(module: "11", time: Date(), after: RunID("99991231T235959Z-12-0000")) == nil)
    }

    @Test func whereNoLaterIdExistsARunSaysWhy() async throws {
        let state = try Scratch().state()
        let path = "\(state.path)/runs/99991231T235959Z-11-ffff"
        mkdir(path, 0o700)
        try overwrite("\(path)/run.json", [])
        let error = await #expect(throws: JournalError.self) { _ = try await newRun(in: state) }
        #expect(error?.cause.contains("a clock that was wrong") == true)
    }

    @Test(arguments: ["module-11.lock", "reserve", "runs.lock", "heads.jsonl"])
    func aLinkInThePlaceOfAFileIsRefusedAndItsTargetUntouched(name: String) async throws {
        let scratch = try Scratch()
        let state = try scratch.state()
        let target = "\(scratch.path)/target"
        try overwrite(target, Array("precious".utf8))
        unlink("\(state.path)/\(name)")
        symlink(target, "\(state.path)/\(name)")
        let error = await #expect(throws: JournalError.self) {
            let state = try StateDirectory.prepare(state.path)
            _ = try await newRun(in: state)
        }
        #expect(error?.cause.hasPrefix("it is a symbolic link") == true, "\(String(describing: error))")
        #expect(error?.path == "\(state.path)/\(name)")
        #expect(error?.kind == .stateNotWritable)
        #expect(try contents(target) == Array("precious".utf8))
    }

    @Test(arguments: ["module-11.lock", "reserve"]) func aPipeInThePlaceOfAFileIsRefused(name: String) async throws {
        let state = try Scratch().state()
        unlink("\(state.path)/\(name)")
        mkfifo("\(state.path)/\(name)", 0o600)
        let error = await #expect(throws: JournalError.self) {
            let state = try StateDirectory.prepare(state.path)
            _ = try await newRun(in: state)
        }
        #expect(error?.kind == .stateNotWritable)
    }

    /// Also where the link leads to a file in the run's own directory.
    @Test func aLogThatIsALinkIsNotAppendedTo() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.playStep(allSteps[0])
        let log = "\(journal.path)/audit.jsonl"
        let bytes = try contents(log)
        rename(log, "\(log).moved")
        symlink("\(log).moved", log)
        await #expect(throws: JournalError.self) {
            try await RunJournal.reopen(journal.reader, in: state, redactor: Redactor())
        }
        #expect(try contents("\(log).moved") == bytes)
    }
}
