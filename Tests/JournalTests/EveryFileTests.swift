import ClientKit
import Foundation
import Testing

@testable import Journal

/// Every line of every file of a real run is edited, removed, doubled, swapped and cut, one at a
/// time, made-up lines and lines of another run are inserted, each line is replayed at the end, and
/// every file removed: each change is found, and its place named.
@Suite struct EveryFileTests {
    @Test func nothingIsFoundInAStateThatNobodyTouched() async throws {
        let rich = try await RichState()
        let report = try AuditVerifier(rich.state).verifyAll()
        #expect(report.runs.flatMap(\.findings).map(\.description) == [])
        #expect(report.findings.map(\.description) == [])
        #expect(report.isIntact && report.notes.isEmpty && report.runs.count == 2)
        #expect(
            try RichState.files(of: rich.finished) == [
                "audit.jsonl", "audit.torn-1", "checkpoints/\(allSteps[1]).json", "checkpoints/\(allSteps[2]).json",
                "checkpoints/\(allSteps[0]).json", "checkpoints/\(allSteps[0]).json.withdrawn-1",
                "evidence/\(allSteps[1])/pods.txt", "outcome.1.json", "outcome.json", "plan.json", "run.json",
                "steps/\(allSteps[1]).log", "steps/\(allSteps[2]).log", "steps/\(allSteps[0]).log", "steps/outside.log",
            ])
    }

    /// The transcript of the last command of the run that was cut off: whatever its start announced may
    /// have been lost in a power cut.
    private static let underWay = "steps/\(allSteps[1]).log"

    @Test func everyRemovedFileIsNamed() async throws {
        let rich = try await RichState()
        for run in [rich.finished, rich.unfinished] {
            for name in try RichState.files(of: run) {
                let path = "\(run.path)/\(name)"
                let bytes = try contents(path)
                try FileManager.default.removeItem(atPath: path)
                let report = try AuditVerifier(rich.state).verify(run)
                if run.id == rich.unfinished.id, name == Self.underWay {
                    #expect(report.notes.contains { $0.hasPrefix("\(name) is not as announced") }, "\(report)")
                } else {
                    #expect(report.findings.contains { $0.file == name }, "\(name): \(report.findings)")
                }
                try overwrite(path, bytes)
            }
            #expect(try AuditVerifier(rich.state).verify(run).findings == [])
        }
    }

    @Test func everyChangedLineOfEveryFileIsFoundInItsFile() async throws {
        let rich = try await RichState()
        var count = 0
        for (run, other) in [(rich.finished, rich.unfinished), (rich.unfinished, rich.finished)] {
            for name in try RichState.files(of: run) {
                let path = "\(run.path)/\(name)"
                let bytes = try contents(path)
                let verifier = try AuditVerifier(rich.state)
                let known = try verifier.verify(run).anchoredUpTo
                let foreign = try Disk.read("\(other.path)/\(name)") ?? []
                for (what, index, place, changed) in Self.changes(of: bytes, foreign: foreign) where changed != bytes {
                    try overwrite(path, changed)
                    count += 1
                    let findings = try verifier.verify(run).findings
                    // Nothing vouches for the last records of a run that was cut off; the
                    // checkpoint's has its file.
                    let isCut = name == "audit.jsonl" && ["cut", "removed"].contains(what) && index >= known
                    let isFound = findings.contains { finding in
                        let isRightLine = name != "audit.jsonl" || isCut || finding.line == place
                        return (finding.file == name && isRightLine)
                            || (isCut && finding.file.hasPrefix("checkpoints/"))
                    }
                    let mayPass = isCut && run.id == rich.unfinished.id && (what == "cut" || index >= known + 2)
                    let isLost = name == Self.underWay && ["cut", "removed"].contains(what)
                    #expect(
                        isFound || mayPass || isLost && run.id == rich.unfinished.id,
                        "\(name), \(what) \(index): \(findings)")
                }
                try overwrite(path, bytes)
            }
        }
        print("\(count) changes of lines were found")
    }

    /// Each way of changing a line, of each line, with the number of the first line that is not right then.
    private static func changes(
        of bytes: [UInt8], foreign: [UInt8]
    ) -> [(what: String, index: Int, place: Int, bytes: [UInt8])] {
        let newline = UInt8(ascii: "\n")
        let lines = bytes.split(separator: newline, omittingEmptySubsequences: false).map(Array.init)
        let others = foreign.split(separator: newline).map(Array.init)
        var changes: [(String, Int, Int, [UInt8])] = []
        for (index, line) in lines.enumerated() where !line.isEmpty {
            func add(_ what: String, at place: Int? = nil, _ change: (inout [[UInt8]]) -> Void) {
                var changed = lines
                change(&changed)
                let bytes = Array(changed.joined(separator: [newline]))
                changes.append((what, index, place ?? index + 1, bytes))
            }
            add("edited") { $0[index][line.count / 2] ^= 1 }
            add("removed") { $0.remove(at: index) }
            add("doubled", at: index + 2) { $0.insert(line, at: index) }
            add("inserted") { $0.insert(Array("{}".utf8), at: index) }
            add("replayed", at: lines.count) { $0.insert(line, at: lines.count - 1) }
            if index < others.count, others[index] != line {
                add("replaced by another run's") { $0[index] = others[index] }
                add("preceded by another run's") { $0.insert(others[index], at: index) }
            }
            add("cut") { $0[index...] = [[]] }
            if index + 1 < lines.count, !lines[index + 1].isEmpty, lines[index + 1] != line {
                add("swapped") { $0.swapAt(index, index + 1) }
            }
        }
        return changes
    }

    @Test func aForeignFileOrFolderIsNamed() async throws {
        let rich = try await RichState()
        for name in [
            "checkpoints/11_ct_03_tests.json", "steps/11_ct_03_tests.log", "notes.txt", "evidence/x/pods.txt",
            "outcome.2.json", ".hidden", "audit.torn-2",
        ] {
            let path = "\(rich.finished.path)/\(name)"
            try FileManager.default.createDirectory(
                atPath: Disk.split(path).folder, withIntermediateDirectories: true)
            try overwrite(path, Array("x\n".utf8))
            let findings = try AuditVerifier(rich.state).verify(rich.finished).findings
            #expect(findings.map(\.file) == [name], "\(findings)")
            try FileManager.default.removeItem(atPath: path)
        }
        try FileManager.default.createSymbolicLink(
            atPath: "\(rich.finished.path)/link", withDestinationPath: "run.json")
        try FileManager.default.createDirectory(
            atPath: "\(rich.finished.path)/other", withIntermediateDirectories: false)
        let findings = try AuditVerifier(rich.state).verify(rich.finished).findings
        #expect(findings.map(\.file) == ["link", "other"])
    }

    @Test func aWitnessedFileThatIsNowALinkIsFound() async throws {
        let rich = try await RichState()
        let path = "\(rich.finished.path)/plan.json"
        try FileManager.default.moveItem(atPath: path, toPath: "\(rich.state.path)/elsewhere")
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: "\(rich.state.path)/elsewhere")
        #expect(try AuditVerifier(rich.state).verify(rich.finished).findings.contains { $0.file == "plan.json" })
    }

    @Test func theRemovalOfAnyRunIsFoundAndThatOfTheListOfHeads() async throws {
        let rich = try await RichState()
        for run in [rich.finished, rich.unfinished] {
            let aside = "\(try Scratch().path)/run"
            try FileManager.default.moveItem(atPath: run.path, toPath: aside)
            let report = try AuditVerifier(rich.state).verifyAll()
            #expect(report.findings.map(\.file) == ["runs/\(run.id)"])
            try FileManager.default.moveItem(atPath: aside, toPath: run.path)
        }
        #expect(try AuditVerifier(rich.state).verifyAll().isIntact)
        let list = "\(rich.state.path)/heads.jsonl"
        let bytes = try contents(list)
        try FileManager.default.removeItem(atPath: list)
        let unknown = try AuditVerifier(rich.state).verifyAll().runs.map { $0.findings.map(\.file) }
        #expect(unknown == [["heads.jsonl"], ["heads.jsonl"]])
        var edited = bytes
        edited[20] ^= 1
        try overwrite(list, edited)
        let finding = try #require(try AuditVerifier(rich.state).verifyAll().findings.first)
        #expect(finding.file == "heads.jsonl" && finding.line == 1)
        // One that a crash cut off counts for nothing, and the next line begins on a line of its
        // own.
        try overwrite(list, bytes + Array("{\"audit\":".utf8))
        #expect(try AuditVerifier(rich.state).verifyAll().isIntact)
        try await newRun(in: rich.state).finish(.refused, exitCode: 69)
        #expect(try AuditVerifier(rich.state).verifyAll().isIntact)
    }

    @Test func aStateDirectoryThatDoesNotExistIsAnError() throws {
        let path = "\(try Scratch().path)/none"
        let error = #expect(throws: JournalError.self) { try StateDirectory.existing(path) }
        #expect(error?.kind == .badInput)
        #expect(error?.cause == "there is no such directory")
        let empty = try Scratch().path
        #expect(throws: JournalError.self) { try StateDirectory.existing(empty) }
    }
}
