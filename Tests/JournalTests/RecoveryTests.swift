import ClientKit
import Foundation
import Testing

@testable import Journal

@Suite struct RecoveryTests {
    private func interrupted() async throws -> (state: StateDirectory, run: RunReader) {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.playStep(allSteps[0])
        try await journal.beginStep(allSteps[1])
        try await journal.willBegin(activity(["kubectl", "apply", "-f", "-"], effect: .change))
        return (state, try #require(try state.newestUnfinishedRun(module: "11")))
    }

    @Test func aRunThatWasCutOffGoesOnAndTellsWhatIsUnknown() async throws {
        let (state, run) = try await interrupted()
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(reopened.tornTail == nil)
        #expect(Array(reopened.finished.keys) == [allSteps[0]])
        #expect(reopened.unknown.map(\.start.command) == [["kubectl", "apply", "-f", "-"]])
        #expect(reopened.header.steps == allSteps)
        try await reopened.journal.playStep(allSteps[1])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(try run.entries().contains { $0.kind == .runResume })
        #expect(try AuditVerifier(state).verify(run).findings == [])
    }

    @Test func everyTornEndIsSetAsideAndSaid() async throws {
        let (state, run) = try await interrupted()
        let path = "\(run.path)/audit.jsonl"
        let bytes = try contents(path)
        let last = try #require(bytes.dropLast().lastIndex(of: UInt8(ascii: "\n"))) + 1
        let count = bytes.count { $0 == UInt8(ascii: "\n") }
        var ends = (last + 1..<bytes.count).filter { $0 % 7 == 0 || $0 > bytes.count - 3 }.map { Array(bytes[..<$0]) }
        ends.append(Array(bytes[..<last]) + [UInt8](repeating: 0, count: 512))
        ends.append(Array(bytes[..<last]) + [UInt8](repeating: 0, count: 30) + Array("\n{\"half".utf8))
        for torn in ends {
            let state = try state.copy()
            let run = try #require(try state.run(run.id))
            try overwrite("\(run.path)/audit.jsonl", torn)
            #expect(try AuditVerifier(state).verify(run).findings.first?.line == count)
            let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
            let tail = try #require(reopened.tornTail)
            #expect(tail.line == count)
            #expect(tail.file == "audit.torn-1")
            #expect(try contents("\(run.path)/\(tail.file)") == Array(torn[last...]))
            #expect(try run.entries().suffix(2).map(\.kind) == [.tornTail, .runResume])
            #expect(try AuditVerifier(state).verify(run).findings == [])
            try overwrite("\(run.path)/audit.torn-1", [1])
            #expect(try AuditVerifier(state).verify(run).findings.map(\.file) == ["audit.torn-1"])
        }
    }

    /// A power cut that spares the log and not a transcript: the order of the two is that of their syncs.
    @Test(arguments: ["cut", "zeros", "removed"])
    func aTranscriptThatAPowerCutTookIsNoDamage(_ loss: String) async throws {
        let (state, run) = try await interrupted()
        let path = "\(run.path)/steps/\(allSteps[1]).log"
        let bytes = try contents(path)
        switch loss {
        case "cut": try overwrite(path, bytes.dropLast(9).map(\.self))
        case "zeros": try overwrite(path, Array(bytes.dropLast(9)) + [UInt8](repeating: 0, count: 9))
        default: try FileManager.default.removeItem(atPath: path)
        }
        #expect(try AuditVerifier(state).verify(run).findings == [])
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(reopened.journal.warnings == [])
        #expect(try AuditVerifier(state).verify(run).findings == [])
        try await reopened.journal.playStep(allSteps[1])
        #expect(try AuditVerifier(state).verify(run).findings == [])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(try AuditVerifier(state).verify(run).findings == [])
        // From now on nothing explains it.
        try overwrite(path, contents(path).dropLast(9).map(\.self))
        #expect(try AuditVerifier(state).verify(run).findings.map(\.file) == ["steps/\(allSteps[1]).log"])
    }

    /// Where only the end of a line was lost, the next process writes the very byte that is missing.
    @Test(arguments: 1...30) func aTranscriptShorterByAFewBytesIsNoDamage(_ lost: Int) async throws {
        let (state, run) = try await interrupted()
        let path = "\(run.path)/steps/\(allSteps[1]).log"
        try overwrite(path, contents(path).dropLast(lost).map(\.self))
        #expect(try AuditVerifier(state).verify(run).findings == [])
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(try AuditVerifier(state).verify(run).findings == [])
        try await reopened.journal.playStep(allSteps[1])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(try AuditVerifier(state).verify(run).findings == [])
    }

    @Test func whatADurableRecordAnnouncedIsMissed() async throws {
        let (state, run) = try await interrupted()
        let path = "\(run.path)/steps/\(allSteps[0]).log"
        try overwrite(path, contents(path).dropLast(9).map(\.self))
        #expect(try AuditVerifier(state).verify(run).findings.map(\.file) == ["steps/\(allSteps[0]).log"])
    }

    @Test func aBadLineWithGoodOnesAfterItIsRefusedAndNamed() async throws {
        let (state, run) = try await interrupted()
        let path = "\(run.path)/audit.jsonl"
        let bytes = try contents(path)
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        for index in lines.indices.dropLast() {
            var damaged = bytes
            damaged[lines[index].startIndex + 20] ^= 1
            try overwrite(path, damaged)
            let error = await #expect(throws: JournalError.self) {
                try await RunJournal.reopen(run, in: state, redactor: Redactor())
            }
            #expect(error?.line == index + 1)
            #expect(error?.kind == .badInput)
            #expect(try contents(path) == damaged)
        }
        // Lines that a checkpoint knows cannot have been torn off by a crash.
        try overwrite(path, Array(bytes[..<lines[3].startIndex]))
        let error = await #expect(throws: JournalError.self) {
            try await RunJournal.reopen(run, in: state, redactor: Redactor())
        }
        #expect(error?.cause.contains("checkpoints/\(allSteps[0]).json") == true)
    }

    @Test func aCheckpointCutAnywhereDoesNotCountAndIsSaid() async throws {
        let (state, run) = try await interrupted()
        let path = "\(run.path)/checkpoints/\(allSteps[0]).json"
        let bytes = try contents(path)
        for length in 0..<bytes.count {
            try overwrite(path, Array(bytes[..<length]))
            #expect(try run.checkpoint(of: allSteps[0]).content == nil)
        }
        try overwrite(path, Array(bytes[..<(bytes.count / 2)]))
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(reopened.finished.isEmpty)
        #expect(reopened.damaged[allSteps[0]]?.contains("cut off or edited") == true)
        try await reopened.journal.playStep(allSteps[0])
        #expect(try run.checkpoint(of: allSteps[0]).content != nil)
        #expect(try AuditVerifier(state).verify(run).findings == [])
    }

    @Test func aRunThatFailedGoesOnAndKeepsItsFirstOutcome() async throws {
        let (state, run) = try await interrupted()
        for number in 1...2 {
            let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
            try await reopened.journal.failStep(allSteps[1], error: "attempt \(number)")
            try await reopened.journal.finish(.failed, exitCode: 1, error: "attempt \(number)", step: allSteps[1])
            await #expect(throws: JournalError.self) { try await reopened.journal.record(.warning("no")) }
        }
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(try run.earlierOutcomes().map(\.content?.error) == ["attempt 1", "attempt 2"])
        #expect(try AuditVerifier(state).verify(run).findings == [])
        try await reopened.journal.withdrawCheckpoint(of: allSteps[0], because: "the ConfigMap was deleted")
        #expect(try run.checkpoints().isEmpty)
        try await reopened.journal.playStep(allSteps[0])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(try AuditVerifier(state).verify(run).findings == [])
    }

    @Test func anEditedRunHeaderIsRefused() async throws {
        let (state, run) = try await interrupted()
        var bytes = try contents("\(run.path)/run.json")
        bytes[40] ^= 1
        try overwrite("\(run.path)/run.json", bytes)
        let error = await #expect(throws: JournalError.self) {
            try await RunJournal.reopen(run, in: state, redactor: Redactor())
        }
        #expect(error?.path == "\(run.path)/run.json")
    }
}
