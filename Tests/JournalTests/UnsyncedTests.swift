import Foundation
import Testing

@testable import Journal

/// What a killed process wrote and did not make durable is made durable before anything is built on it: a power cut
/// would take it away, and `audit verify` could not tell that from an edit.
@Suite(.timeLimit(.minutes(30))) struct UnsyncedTests {
    private static let log = "/runs/RUN/audit.jsonl"

    /// The calls of a process before it writes to `file`.
    private func calls(
        _ mode: String, in state: StateDirectory, before name: String, _ file: String
    ) throws -> [FileCall] {
        let (finished, calls) = try runHelper(mode, on: state.path)
        #expect(finished.status == 0, "\(finished.lines)")
        let place = try #require(calls.firstIndex { $0.name == name && $0.file == file }, "\(calls.map(\.place))")
        return Array(calls[..<place])
    }

    private func syncs(_ file: String, _ calls: [FileCall]) -> Bool {
        calls.contains { ["fsync", "fdatasync"].contains($0.name) && $0.file == file }
    }

    /// A state directory in which a run was killed before this call on `file`.
    private func killed(at name: String, of file: String) throws -> StateDirectory {
        let whole = try runHelper(on: "\(Scratch().path)/state").calls
        let call = try #require(whole.first { $0.name == name && $0.file == file })
        let number = whole.prefix { $0 != call }.count { $0.name == name } + 1
        let path = "\(try Scratch().path)/state"
        #expect(try runHelper(on: path, .kill, call: name, number: number).finished.wasKilled)
        return StateDirectory.reading(path)
    }

    @Test func theListOfHeadsIsBeforeTheSecondRecord() throws {
        let state = try killed(at: "fdatasync", of: "/heads.jsonl")
        #expect(syncs("/heads.jsonl", try calls("run", in: state, before: "write", Self.log)))
    }

    @Test func theLogOfTheRunBeforeIsBeforeTheNextOneNamesItsHead() throws {
        let state = try killed(at: "fdatasync", of: Self.log)
        #expect(syncs(Self.log, try calls("new", in: state, before: "link", "/runs/.RUN.new/run.json")))
    }

    /// It has the outcome of its first process, and records of a second one after that.
    @Test func alsoThatOfARunThatFailedAndWasKilledWhenItWasResumed() throws {
        let path = "\(try Scratch().path)/state"
        let whole = try runHelper(on: "\(Scratch().path)/state").calls.filter { $0.name == "write" }
        let inStep = try #require(whole.lastIndex { $0.file.hasPrefix("/runs/RUN/steps/") }) + 1
        _ = try runHelper(on: path, .noSpace, call: "write", number: inStep)
        let state = StateDirectory.reading(path)
        #expect(try state.runs().map { try $0.outcome().content?.result } == [.failed])
        let (resumed, calls) = try runHelper(on: path, .kill, call: "fdatasync", number: 1)
        #expect(resumed.wasKilled && calls.last?.file == Self.log, "\(calls.map(\.place))")
        #expect(syncs(Self.log, try self.calls("new", in: state, before: "link", "/runs/.RUN.new/run.json")))
    }

    /// The record says that it is; nothing that is recorded after that could say that it is not.
    @Test func aRunWhoseCheckpointCannotBeSetAsideRecordsNothingMore() throws {
        let path = "\(try Scratch().path)/state"
        let state = StateDirectory.reading(path)
        let run = try runToEnd(
            helper, ["withdraw", path], environment: ["RUNNER_FAILPOINT": "checkpoint.withdraw:1:error"])
        #expect(run.lines.map { $0.prefix(9) } == ["not withd", "not ended"], "\(run.lines)")
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.words == [] && report.runs.count == 1)
    }

    @Test func theListOfExportsIsBeforeARunTellsWhatItHolds() async throws {
        let state = try Scratch().state()
        try state.export(await state.play())
        #expect(syncs("/retention.jsonl", try calls("new", in: state, before: "link", "/runs/.RUN.new/run.json")))
    }
}
