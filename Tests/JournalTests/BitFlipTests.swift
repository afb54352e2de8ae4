import ClientKit
import Foundation
import TestSupport
import Testing

@testable import Journal

/// Every single bit of a run's files, turned over: what was is not taken for what is, and the place is
/// named.
@Suite(.timeLimit(.minutes(20))) struct BitFlipTests {
    private let state: StateDirectory
    private let run: RunReader
    private let verifier: AuditVerifier

    init() async throws {
        state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.playStep(allSteps[0])
        try await journal.finish(.succeeded, exitCode: 0)
        run = journal.reader
        verifier = try AuditVerifier(state)
        #expect(try verifier.verify(run).findings == [])
    }

    @Test(arguments: ["run.json", "outcome.json", "checkpoints/\(allSteps[0]).json"])
    func ofAFileIsFound(name: String) throws {
        let count = try contents("\(run.path)/\(name)").count
        let missed = try flipping(0..<count, of: name) { report in
            guard report.findings.contains(where: { $0.file == name }) else { return false }
            return try run.header().content == nil || run.outcome().content == nil
                || run.checkpoint(of: allSteps[0]).content == nil
        }
        #expect(missed == [])
        tell(bits: count * 8)
    }

    /// The chain needs both of a record's neighbours: the last one has none behind it.
    @Test(arguments: ["middle", "last"]) func ofARecordIsFoundAndItsLineNamed(place: String) throws {
        let bytes = try contents("\(run.path)/audit.jsonl")
        let newline = UInt8(ascii: "\n")
        let ends = bytes.indices.filter { bytes[$0] == newline }
        let line = place == "last" ? ends.count : ends.count / 2
        let range = (ends[line - 2] + 1)..<(ends[line - 1] + 1)
        let missed = try flipping(range, of: "audit.jsonl") { report in
            report.findings.first?.file == "audit.jsonl" && report.findings.first?.line == line
        }
        #expect(missed == [])
        tell(bits: range.count * 8)
    }

    @Test(arguments: ["run.json", "outcome.json", "checkpoints/\(allSteps[0]).json", "audit.jsonl"])
    func aFileThatIsCutOrDoubledIsFound(name: String) throws {
        let path = "\(run.path)/\(name)"
        let bytes = try contents(path)
        let damages = [bytes + bytes, Array(bytes.dropLast()), Array(bytes.prefix(bytes.count / 2)), []]
        for damaged in damages {
            try overwrite(path, damaged)
            let found = try verifier.verify(run).findings.contains { $0.file == name }
            #expect(found, "\(damaged.count) of \(bytes.count) bytes")
        }
        survived(
            "a run's file cut, emptied or doubled", times: damages.count,
            oracle: "`audit verify` names the file")
    }

    private func tell(bits: Int) {
        survived(
            "a bit of a run's file turned over", times: bits,
            oracle: "`audit verify` names the file, and in a log the line")
    }

    /// The bits of `range`, as `BYTE.BIT`, of which `isFound` says no once they are turned over.
    private func flipping(
        _ range: Range<Int>, of name: String, isFound: (AuditReport) throws -> Bool
    ) throws -> [String] {
        let path = "\(run.path)/\(name)"
        let bytes = try contents(path)
        let file = try FileHandle(forUpdating: URL(filePath: path))
        func write(_ byte: UInt8, at offset: Int) throws {
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: [byte])
        }
        var missed: [String] = []
        for offset in range {
            for bit in 0..<8 {
                try write(bytes[offset] ^ (1 << UInt8(bit)), at: offset)
                if try !isFound(verifier.verify(run)) { missed.append("\(offset).\(bit)") }
            }
            try write(bytes[offset], at: offset)
        }
        #expect(try contents(path) == bytes)
        return missed
    }
}
