import ClientKit
import Foundation
import Testing

@testable import Journal

/// A state directory that a version wrote whose logs have this format.
func earlierState(format: Int) throws -> StateDirectory {
    let fixture = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
    let path = "\(try Scratch().path)/state"
    try FileManager.default.copyItem(atPath: fixture.appending(path: "format-\(format)").path, toPath: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return try StateDirectory.prepare(path)
}

@Suite struct FormatOneTests {
    @Test func theRecordsOfEarlierVersionsAreReadAndVerified() throws {
        let state = try earlierState(format: 1)
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.runs.flatMap(\.findings).map(\.description) == [])
        #expect(report.findings.map(\.description) == [])
        #expect(report.runs.map(\.lines) == [11, 50])
        let run = try #require(try state.runs().last)
        #expect(try run.entries().count == 50)
        #expect(try run.header().content?.format == 1)
        #expect(try run.outcome().content?.result == .succeeded)
        #expect(try run.commands().first?.start.purpose == "look outside a step")
        #expect(try run.checkpoints().count == 3)
    }

    @Test func whatIsRemovedOrEditedInThemIsFound() throws {
        let state = try earlierState(format: 1)
        let run = try #require(try state.runs().last)
        for name in try RichState.files(of: run) {
            let path = "\(run.path)/\(name)"
            let bytes = try contents(path)
            try FileManager.default.removeItem(atPath: path)
            #expect(try !AuditVerifier(state).verify(run).isIntact, "\(name) removed")
            // Of transcripts, format 1 vouches for the output only.
            let isTranscript = name.hasPrefix("steps/")
            var edited = bytes
            edited[bytes.count - 3] ^= 1
            let text = String(decoding: bytes, as: UTF8.self)
            try overwrite(path, isTranscript ? Array(text.replacing("out| ", with: "out| !").utf8) : edited)
            #expect(try !AuditVerifier(state).verify(run).isIntact, "\(name) edited")
            try overwrite(path, bytes)
        }
        #expect(try AuditVerifier(state).verify(run).findings == [])
    }

    @Test func aRunOfAnEarlierVersionGoesOnAndANewOneFollowsIt() async throws {
        let state = try earlierState(format: 1)
        let run = try #require(try state.newestUnfinishedRun(module: "11"))
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(Array(reopened.finished.keys) == [allSteps[0]])
        #expect(reopened.unknown.count == 1)
        try await reopened.journal.playStep(allSteps[1])
        try await reopened.journal.playStep(allSteps[2])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        try await newRun(in: state).finish(.refused, exitCode: 69)
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.runs.flatMap(\.findings).map(\.description) == [])
        #expect(report.isIntact)
        // From now on its transcripts are announced too.
        let path = run.transcriptPath(of: allSteps[0])
        let text = String(decoding: try contents(path), as: UTF8.self)
        try overwrite(path, Array(text.replacing("exited 0", with: "exited 1").utf8))
        #expect(try AuditVerifier(state).verify(run).findings.map(\.file) == ["steps/\(allSteps[0]).log"])
    }
}
