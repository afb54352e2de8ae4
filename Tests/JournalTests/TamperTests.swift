import ClientKit
import Foundation
import Testing

@testable import Journal

/// A finished run of three steps, to be tampered with.
private struct Sample {
    let state: StateDirectory
    let run: RunReader
    let lines: [[UInt8]]

    init(finished: Bool = true, steps: Int = 3) async throws {
        state = try Scratch().state()
        let journal = try await newRun(in: state)
        for step in allSteps.prefix(steps) { try await journal.playStep(step) }
        if finished {
            try await journal.finish(.succeeded, exitCode: 0, counts: ["applied": steps])
        } else {
            try await journal.record(.warning("the last record"), durable: true)
        }
        run = try #require(try state.runs().first)
        lines = try contents("\(run.path)/audit.jsonl").split(separator: UInt8(ascii: "\n")).map(Array.init)
    }

    func findings(_ lines: [[UInt8]]) throws -> [AuditFinding] {
        try overwrite("\(run.path)/audit.jsonl", lines.flatMap { $0 + [UInt8(ascii: "\n")] })
        return try AuditVerifier(state).verify(run).findings
    }

    func findings() throws -> [AuditFinding] { try AuditVerifier(state).verify(run).findings }
}

/// Changes a text within a sealed line or file and seals it again, as a forger would.
private func forge(_ bytes: [UInt8], _ text: String, _ other: String) -> [UInt8] {
    let isFile = bytes.last == UInt8(ascii: "\n")
    let before = isFile ? ",\n  \"whole\" : \"" : ",\"whole\":\""
    let after = isFile ? "\"\n}\n" : "\"}"
    let length = before.utf8.count + 64 + after.utf8.count
    let content = Array(String(decoding: bytes.dropLast(length), as: UTF8.self).replacing(text, with: other).utf8)
    return content + before.utf8 + SHA256.hash(data: content).hex.utf8 + after.utf8
}

@Suite struct TamperTests {
    @Test(arguments: [true, false]) func everyChangedByteIsFoundAndItsLineNamed(finished: Bool) async throws {
        let sample = try await Sample(finished: finished, steps: finished ? 2 : 1)
        let path = "\(sample.run.path)/audit.jsonl"
        let bytes = try contents(path)
        #expect(try sample.findings() == [])
        let verifier = try AuditVerifier(sample.state)
        let file = try FileHandle(forUpdating: URL(filePath: path))
        var line = 1
        for (offset, byte) in bytes.enumerated() {
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: [byte ^ (offset % 2 == 0 ? 1 : 0x20)])
            let first = try verifier.verify(sample.run).findings.first
            #expect(first?.file == "audit.jsonl" && first?.line == line, "byte \(offset): \(String(describing: first))")
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: [byte])
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
        #expect(try sample.findings() == [])
        #expect(line == sample.lines.count + 1)
    }

    @Test func removedRepeatedAndMovedLinesAreNamed() async throws {
        let sample = try await Sample()
        let lines = sample.lines
        for index in lines.indices {
            var removed = lines
            removed.remove(at: index)
            #expect(try sample.findings(removed).first?.line == index + 1, "removed \(index + 1)")
            var repeated = lines
            repeated.insert(lines[index], at: index + 1)
            #expect(try sample.findings(repeated).first?.line == index + 2, "repeated \(index + 1)")
            guard index + 1 < lines.count else { continue }
            var moved = lines
            moved.swapAt(index, index + 1)
            #expect(try sample.findings(moved).first?.line == index + 1, "moved \(index + 1)")
        }
        for count in lines.indices {
            #expect(try sample.findings(Array(lines[..<count])).first?.line == count + 1, "cut after \(count)")
        }
    }

    @Test func aLineEditedAndSealedAgainIsNamedByTheChain() async throws {
        let sample = try await Sample()
        for index in sample.lines.indices {
            var lines = sample.lines
            lines[index] = forge(lines[index], "\"elapsed_ms\":", "\"elapsed_ms\":9")
            #expect(lines[index] != sample.lines[index])
            #expect(try sample.findings(lines).first?.line == index + 1)
            lines = sample.lines
            lines[index] = forge(lines[index], "\"prev\":\"", "\"prev\":\"0")
            let first = try #require(try sample.findings(lines).first)
            #expect(first.line == index + 1)
        }
    }

    @Test func anUnfinishedRunIsVouchedForByItsNewestCheckpoint() async throws {
        let sample = try await Sample(finished: false)
        let report = try AuditVerifier(sample.state).verify(sample.run)
        #expect(report.isIntact)
        #expect(report.anchoredUpTo == report.lines - 2)
        let cut = try #require(try sample.findings(sample.lines.dropLast(3)).first)
        #expect(cut.line == report.anchoredUpTo && cut.problem.contains("checkpoints/\(allSteps[2]).json"))
        // A checkpoint's file is a witness for its record too; what comes after has none but a head
        // noted elsewhere.
        #expect(try sample.findings(sample.lines.dropLast(2)).first?.file == "checkpoints/\(allSteps[2]).json")
        #expect(try sample.findings(sample.lines.dropLast(1)).isEmpty)
        let anchor = AuditAnchor(report.head, source: "the Lease")
        let known = try AuditVerifier(sample.state).verify(sample.run, anchors: [anchor]).findings
        #expect(known.first?.line == report.lines)
        let hash = try #require(AuditAnchor(expecting: report.head.hash))
        #expect(try !AuditVerifier(sample.state).verify(sample.run, anchors: [hash]).isIntact)
    }

    @Test func linesAddedAfterTheEndAreNamed() async throws {
        let sample = try await Sample()
        let last = try SealedJSON.decode(AuditEntry.self, from: sample.lines[sample.lines.count - 1][...])
        var added = last
        added.sequence += 1
        added.content = .warning("all is well")
        added.previous = SHA256.hash(data: sample.lines[sample.lines.count - 1]).hex
        let first = try #require(try sample.findings(sample.lines + [SealedJSON.line(added)]).first)
        #expect(first.line == sample.lines.count + 1)
    }

    @Test func everyChangedByteOfTheOtherFilesIsFound() async throws {
        let sample = try await Sample(steps: 1)
        let names = ["run.json", "outcome.json", "checkpoints/\(allSteps[0]).json"]
        for name in names {
            let path = "\(sample.run.path)/\(name)"
            let bytes = try contents(path)
            for offset in bytes.indices {
                var changed = bytes
                changed[offset] ^= 1
                try overwrite(path, changed)
                #expect(try sample.findings().contains { $0.file == name }, "\(name), byte \(offset)")
            }
            try overwrite(path, bytes)
        }
        #expect(try sample.findings() == [])
    }

    @Test func filesThatWereSealedAgainAreFound() async throws {
        let sample = try await Sample()
        for (name, text, other) in [
            ("run.json", "\"login\" : \"", "\"login\" : \"m"),
            ("outcome.json", "\"exit_code\" : 0", "\"exit_code\" : 1"),
            ("outcome.json", "succeeded", "failed"),
            ("checkpoints/\(allSteps[1]).json", "ConfigMap", "Secret"),
        ] {
            let path = "\(sample.run.path)/\(name)"
            let bytes = try contents(path)
            let forged = forge(bytes, text, other)
            #expect(forged != bytes)
            try overwrite(path, forged)
            #expect(try sample.findings().contains { $0.file == name }, "\(name): \(text)")
            try overwrite(path, bytes)
        }
        #expect(try sample.findings() == [])
    }

    @Test func removedAndForgedCheckpointsAreFound() async throws {
        let sample = try await Sample()
        let folder = "\(sample.run.path)/checkpoints"
        let bytes = try contents("\(folder)/\(allSteps[0]).json")
        try FileManager.default.removeItem(atPath: "\(folder)/\(allSteps[0]).json")
        #expect(try sample.findings().map(\.file) == ["checkpoints/\(allSteps[0]).json"])
        #expect(try sample.findings().first?.problem.contains("it was removed") == true)
        try overwrite("\(folder)/\(allSteps[0]).json", bytes)
        try overwrite("\(folder)/11_ct_03_tests.json", forge(bytes, allSteps[0], "11_ct_03_tests"))
        #expect(try sample.findings().map(\.file) == ["checkpoints/11_ct_03_tests.json"])
    }

    @Test func editedTranscriptsAreFound() async throws {
        let sample = try await Sample()
        let path = sample.run.transcriptPath(of: allSteps[1])
        let text = String(decoding: try contents(path), as: UTF8.self)
        for (part, other) in [("web 1/1", "web 0/1"), ("a warning", "no warning"), ("out| applied", "err| applied")] {
            #expect(text.contains(part))
            try overwrite(path, Array(text.replacing(part, with: other).utf8))
            #expect(try Set(sample.findings().map(\.file)) == ["steps/\(allSteps[1]).log"])
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(try Set(sample.findings().map(\.file)) == ["steps/\(allSteps[1]).log"])
    }

    @Test func theNextRunKnowsThatTheOneBeforeWasRemovedOrCut() async throws {
        let sample = try await Sample(finished: false, steps: 1)
        try await newRun(in: sample.state).finish(.refused, exitCode: 69)
        let next = try #require(try sample.state.runs().first)
        #expect(try AuditVerifier(sample.state).verify(next).isIntact)
        let before = try AuditVerifier(sample.state).verify(sample.run)
        #expect(before.isIntact && before.anchoredUpTo == before.lines)
        #expect(try sample.findings(sample.lines.dropLast(1)).first?.line == sample.lines.count)
        #expect(try AuditVerifier(sample.state).verify(next).findings.map(\.file) == ["run.json"])
        try FileManager.default.removeItem(atPath: sample.run.path)
        #expect(try AuditVerifier(sample.state).verify(next).findings.first?.problem.contains("was removed") == true)
    }
}
