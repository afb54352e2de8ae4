import ClientKit
import Foundation
import TestSupport
import Testing

@testable import Journal

/// The record is verified while a prune changes it, as it should.
@Suite(.timeLimit(.minutes(30))) struct VerifyBesideTests {
    @Test func aPruneBesideIsNoDamage() async throws {
        let state = try await prunable(100)
        let words = try besideAPrune(of: 100, in: state) { () throws(JournalError) in
            try AuditVerifier(state).verifyAll().words
        }
        #expect(words.allSatisfy { $0?.isEmpty ?? true }, "\(words)")
        #expect(try AuditVerifier(state).verifyAll().words == [])
    }

    @Test func anEditIsFoundBesideAPrune() async throws {
        let state = try await prunable(100)
        let newest = try #require(try state.newestRun())
        let log = "\(newest.path)/audit.jsonl"
        var bytes = try contents(log)
        bytes[bytes.count / 2] ^= 1
        try overwrite(log, bytes)
        let words = try besideAPrune(of: 100, in: state) { () throws(JournalError) in
            try AuditVerifier(state).verify(newest).findings.map(\.description)
        }
        #expect(words.allSatisfy { $0.map { $0.contains { $0.hasPrefix("audit.jsonl, line") } } ?? true }, "\(words)")
        #expect(words.contains { $0 != nil })
    }

    @Test func aRunThatWasPrunedMeanwhileIsNotJudged() async throws {
        let state = try await prunable(1)
        let run = try #require(try state.runs().last)
        let verifier = try AuditVerifier(state)
        try state.prune()
        #expect { try verifier.verify(run) } throws: { ($0 as? JournalError)?.cause == "it was pruned meanwhile" }
        #expect { try run.requireLog(in: state) } throws: { ($0 as? JournalError)?.cause == "it was pruned meanwhile" }
    }

    /// A state directory with this many runs that may be pruned, and the newest one.
    private func prunable(_ count: Int) async throws -> StateDirectory {
        let state = try Scratch().state()
        for _ in 0..<count { try state.export(await state.play()) }
        _ = try await state.play()
        #expect(try state.verdict().words == [])
        return state
    }

    /// What `verify` says again and again while `count` runs are pruned; nil where it says that others write meanwhile.
    private func besideAPrune(
        of count: Int, in state: StateDirectory, _ verify: () throws(JournalError) -> [String]
    ) throws -> [[String]?] {
        let pruning = try ChildProcess(helper, ["prune", state.path])
        var words: [[String]?] = []
        while pruning.isRunning {
            do throws(JournalError) {
                words.append(try verify())
            } catch {
                #expect(error.kind == .busy, "\(error)")
                words.append(nil)
            }
        }
        // Nobody writes any more: at least this time it says something.
        words.append(try verify())
        let lines = Finished(try pruning.finishHere()).lines
        #expect(lines.count { $0.hasPrefix("pruned") } == count, "\(lines)")
        #expect(!words.isEmpty)
        return words
    }
}
