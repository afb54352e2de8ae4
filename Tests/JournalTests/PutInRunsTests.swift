import Foundation
import Testing

@testable import Journal

/// Runs of another state directory, whole and with their lines in the list of heads, that somebody puts between those of
/// this one: each is as it was written, and the chain of runs is not.
@Suite(.timeLimit(.minutes(10))) struct PutInRunsTests {
    private let state: StateDirectory
    private let other: StateDirectory

    init() async throws {
        (state, other) = (try Scratch().state(), try Scratch().state())
        for _ in 0..<2 { try await Self.play(in: state) }
        for _ in 0..<3 { try await Self.play(in: other) }
        for _ in 0..<2 { try await Self.play(in: state) }
        #expect(try AuditVerifier(state).verifyAll().isIntact && AuditVerifier(other).verifyAll().isIntact)
    }

    private static func play(in state: StateDirectory) async throws {
        let journal = try await newRun(in: state)
        try await journal.playStep(allSteps[0])
        try await journal.finish(.succeeded, exitCode: 0)
    }

    /// Puts in a run with its lines in the list of heads.
    private func put(_ run: RunReader, in state: StateDirectory) throws {
        try FileManager.default.copyItem(atPath: run.path, toPath: "\(state.path)/runs/\(run.id)")
        let lines = try contents("\(other.path)/heads.jsonl").split(separator: UInt8(ascii: "\n"))
            .filter { String(decoding: $0, as: UTF8.self).contains(run.id.description) }
        let list = "\(state.path)/heads.jsonl"
        try overwrite(list, contents(list) + lines.joined(separator: [10]) + [10])
    }

    /// One by one, and all together; the first of them follows no run.
    @Test(arguments: [[0], [1], [2], [0, 1, 2]]) func aRunThatWasPutInIsFound(which: [Int]) throws {
        let runs = try other.runs().sorted { $0.id < $1.id }
        for index in which { try put(runs[index], in: state) }
        let report = try AuditVerifier(state).verifyAll()
        let problems = report.allFindings.map(\.description)
        #expect(problems.contains { $0.contains("one of them was put in later") }, "\(problems)")
        // The last of them, which no run follows, and the first, which follows another.
        for run in [runs[which[0]], runs[which[which.count - 1]]] {
            #expect(try !AuditVerifier(state).verify(run).isIntact, "\(run.id)")
        }
        let own = try state.runs().filter { run in !runs.contains { $0.id == run.id } }.min { $0.id < $1.id }
        #expect(try AuditVerifier(state).verify(#require(own)).isIntact)
    }

    /// It is found by its run.json, and no other run is accused for it.
    @Test func aCopyUnderAnotherNameAccusesNoOtherRun() throws {
        let runs = try state.runs().sorted { $0.id < $1.id }
        let copy = "\(runs[1].id.description.dropLast(4))ffff"
        try FileManager.default.copyItem(atPath: runs[1].path, toPath: "\(state.path)/runs/\(copy)")
        for run in try state.runs() {
            #expect(try AuditVerifier(state).verify(run).isIntact == (run.id.description != copy), "\(run.id)")
        }
    }

    /// What stays of a pruned run of another directory tells of one that never was in this.
    @Test func aTombstoneThatWasPutInIsFound() async throws {
        let (pruned, own) = (try await Pruned(), try await Pruned())
        #expect(try AuditVerifier(own.state).verifyAll().isIntact)
        for name in [pruned.tombstone(pruned.second), "\(pruned.tombstone(pruned.second)).sig"] {
            let copy = "\(own.state.path)/tombstones/\(URL(filePath: name).lastPathComponent)"
            try FileManager.default.copyItem(atPath: name, toPath: copy)
        }
        let lines = try pruned.lines().filter { String(decoding: $0, as: UTF8.self).contains("\(pruned.second)") }
        try own.write(own.lines() + lines)
        let problems = try AuditVerifier(own.state).verifyAll().allFindings.map(\.description)
        #expect(problems.contains { $0.contains("one of them was put in later") }, "\(problems)")
    }
}
