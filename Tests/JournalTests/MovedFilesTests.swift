import ClientKit
import Foundation
import Testing

@testable import Journal

/// What a killed process leaves is excused only where one can have left it.
@Suite(.timeLimit(.minutes(30))) struct MovedFilesTests {
    /// Each of them passed for one that had not got its name yet.
    @Test func aFileOfAFinishedRunThatGotATemporaryNameWasMoved() async throws {
        let rich = try await RichState()
        let files = try RichState.files(of: rich.finished)
            .filter { !["run.json", "audit.jsonl"].contains($0) && !$0.hasPrefix("steps/") }
        #expect(files.count >= 7, "\(files)")
        for name in files {
            let (folder, last) = Disk.split(name)
            let path = "\(rich.finished.path)/\(name)"
            let temporary = "\(rich.finished.path)/\(folder)/.\(last).7.tmp"
            try FileManager.default.moveItem(atPath: path, toPath: temporary)
            let report = try AuditVerifier(rich.state).verify(rich.finished)
            // Nothing follows the end of the run, which is killed before its outcome has its name.
            let isLast = name == "outcome.json"
            #expect(report.findings.contains { $0.file == name } != isLast, "\(name): \(report.findings)")
            try FileManager.default.moveItem(atPath: temporary, toPath: path)
        }
    }

    /// The program ended with a trap, and said nothing.
    @Test(arguments: ["9223372036854775807", "-1", "1e18"], ["outcome.json", "checkpoints/\(allSteps[0]).json"])
    func aNumberThatNoRecordHasIsAFinding(number: String, name: String) async throws {
        let rich = try await RichState()
        let path = "\(rich.finished.path)/\(name)"
        let text = String(decoding: try contents(path), as: UTF8.self)
        let content = try #require(text.components(separatedBy: ",\n  \"whole\"").first)
            .replacing(/"seq" : [0-9]+/, with: "\"seq\" : \(number)")
        let seal = SHA256.hash(data: Array(content.utf8)).hex
        try overwrite(path, Array("\(content),\n  \"whole\" : \"\(seal)\"\n}\n".utf8))
        let report = try AuditVerifier(rich.state).verify(rich.finished)
        #expect(report.findings.contains { $0.file == name }, "\(report.findings)")
    }

    /// Whoever asked about one run was told nothing of who had signed what stays of the run before it.
    @Test func theTombstoneOfTheRunBeforeIsJudgedToo() async throws {
        let pruned = try await Pruned()
        let next = try #require(try pruned.state.runs().first { $0.id != pruned.last.id })
        let verifier = { try AuditVerifier(pruned.state).verify(next, signatures: StandInJudge()).findings }
        #expect(try verifier() == [])
        try overwrite("\(pruned.tombstone(pruned.second)).sig", Array("stranger".utf8))
        let findings = try verifier()
        #expect(findings.map(\.file) == ["tombstones/\(pruned.second).json.sig"], "\(findings)")
    }
}
