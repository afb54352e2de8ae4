import ClientKit
import Foundation
import Testing

@testable import Journal

/// Signs and judges without a key.
struct StandInJudge: SignatureJudge {
    static func sign(_ statement: [UInt8]) -> String { "signed \(SHA256.hash(data: statement).hex)" }

    func judge(_ signature: String, over statement: [UInt8], at time: Date) -> SignatureVerdict {
        if signature.hasPrefix("stranger") { return .unknownSigner(key: "k", reason: "no allowed signer has this key") }
        return signature == Self.sign(statement) ? .valid(signer: "alice", key: "k") : .wrong("it is another's")
    }
}

extension StateDirectory {
    /// Exports a run, as far as the record of it goes.
    func export(_ run: RunReader) throws {
        let archive = "\(path)/../archive-\(run.id).tar.gz"
        try overwrite(archive, Array("all of run \(run.id)".utf8))
        let files = try #require(try run.filesDigest())
        let head = try AuditVerifier(self).verify(run).head
        try recordExport(of: run, files: files, head: head, archive: archive)
    }

    /// Prunes what may be pruned; what became of each run.
    @discardableResult
    func prune(before limit: Date = .distantFuture) throws -> [RunID: String] {
        var pruner = try Pruner(self, endedBefore: limit, steps: [:])
        var results: [RunID: String] = [:]
        for run in try pruner.finishEarlier() { results[run] = "finished" }
        while let candidate = try pruner.next() {
            results[candidate.run.id] = candidate.objection ?? "pruned"
            if candidate.objection != nil { continue }
            let prepared = try pruner.prepare(candidate.run)
            try pruner.bury(prepared, signature: StandInJudge.sign(prepared.statement))
        }
        return results
    }

    /// A run of all steps that ends like this.
    func play(_ result: RunResult = .succeeded) async throws -> RunReader {
        let journal = try await newRun(in: self)
        try await journal.playStep(allSteps[0])
        try await journal.finish(result, exitCode: result == .succeeded ? 0 : 1)
        return journal.reader
    }

    func verdict() throws -> StateReport { try AuditVerifier(self).verifyAll(signatures: StandInJudge()) }
}

extension StateReport {
    /// What is wrong with the directory, and with the signatures of no run.
    var words: [String] { findings.map(\.description) + runs.flatMap(\.findings).map(\.description) }
}

@Suite(.timeLimit(.minutes(30))) struct PruneTests {
    @Test func aPrunedRunLeavesATombstoneThatProvesTheChain() async throws {
        let state = try Scratch().state()
        let (first, second) = (try await state.play(), try await state.play())
        let (head, digest) = (try AuditVerifier(state).verify(first).head, try first.filesDigest())
        for run in [first, second] { try state.export(run) }
        let newest = try await state.play()
        try state.export(newest)
        let results = try state.prune()
        #expect(results == [first.id: "pruned", second.id: "pruned", newest.id: "it is the newest run"])
        #expect(try Disk.names(in: "\(state.path)/runs", hidden: true) == ["\(newest.id)"])
        let report = try state.verdict()
        #expect(report.words == [] && report.notes == [] && report.pruned.map(\.run) == [second.id, first.id])
        let tombstone = try #require(try state.tombstone(of: first.id))
        #expect(tombstone.head == head && tombstone.records == head.sequence && tombstone.export.files == digest)
        #expect(tombstone.result == .succeeded && tombstone.files > 4 && tombstone.bytes > 1000)
        #expect(tombstone.who.pid == getpid() && tombstone.export.sha256.utf8.count == 64)
        // The chain goes on, and the next prune takes the run that was the newest.
        let next = try await state.play()
        #expect(try state.prune()[newest.id] == "pruned")
        #expect(try state.verdict().words == [] && AuditVerifier(state).verify(next).isIntact)
    }

    @Test func whatIsNotExportedAsItIsOrUnfinishedOrNewestStays() async throws {
        let state = try Scratch().state()
        let unexported = try await state.play()
        let failed = try await state.play(.failed)
        try state.export(failed)
        let settling = try await state.play()
        try state.export(settling)
        let edited = try await state.play()
        try state.export(edited)
        try overwrite(
            "\(edited.path)/steps/\(allSteps[0]).log", contents("\(edited.path)/steps/\(allSteps[0]).log") + [10])
        let damaged = try await state.play()
        try overwrite("\(damaged.path)/outcome.json", contents("\(damaged.path)/outcome.json").dropLast(9))
        try state.export(damaged)
        let cutOff = try await newRun(in: state)
        try await cutOff.playStep(allSteps[0])
        try state.export(cutOff.reader)
        let resumed = try await state.play(.failed)
        try state.export(resumed)
        let again = try await RunJournal.reopen(resumed, in: state, redactor: Redactor())
        try await again.journal.finish(.succeeded, exitCode: 0)
        let newest = try await state.play(.failed)
        let results = try state.prune()
        #expect(results[unexported.id]?.hasPrefix("it was not exported: `runner audit export") == true)
        // The later success of all steps settles it.
        #expect(results[failed.id] == "pruned")
        #expect(results[settling.id] == "pruned")
        #expect(results[edited.id]?.hasPrefix("its files have changed since") == true)
        #expect(results[damaged.id]?.hasPrefix("it has no end") == true)
        // Nothing goes on with a run whose steps a later one has finished.
        let objection = "it has no end: run \(resumed.id) has finished its steps since, and it stays as it is"
        #expect(results[cutOff.reader.id] == objection)
        #expect(results[resumed.id]?.hasPrefix("run \(damaged.id), which it may settle") == true)
        #expect(results[newest.id] == "it is the newest run")
        #expect(try state.prune(before: .distantPast).isEmpty)
        #expect(
            Set(try state.verdict().words.map { $0.prefix { $0 != ":" } }).isSubset(of: [
                "steps/\(allSteps[0]).log", "outcome.json",
            ]))
    }

    /// A success that goes would leave the failure before it for `resume` to go on with.
    @Test func aSuccessStaysAsLongAsTheFailureThatItSettles() async throws {
        let state = try Scratch().state()
        let failed = try await state.play(.failed)
        let success = try await state.play()
        try state.export(success)
        _ = try await state.play()
        #expect(try state.prune()[success.id] == "run \(failed.id), which it may settle, is still there")
        try state.export(failed)
        let results = try state.prune()
        #expect(results[failed.id] == "pruned" && results[success.id] == "pruned")
        #expect(try state.newestUnfinishedRun(module: "11") == nil)
    }

    @Test func aRunThatIsRemovedByHandStaysAFinding() async throws {
        let state = try Scratch().state()
        let first = try await state.play()
        try state.export(first)
        let second = try await state.play()
        try FileManager.default.removeItem(atPath: first.path)
        let words = try state.verdict().words
        #expect(words.contains("runs/\(first.id): the run was removed: heads.jsonl knows it"))
        #expect(words.contains("run.json: the run before it, \(first.id), was removed"))
        #expect(try !AuditVerifier(state).verify(second).isIntact)
    }

    /// The directories that it set aside are told of by its tombstone.
    @Test func whatAPrunedRunSetAsideIsStillToldOf() async throws {
        let state = try Scratch().state()
        let gone = try await state.play()
        try FileManager.default.removeItem(atPath: "\(gone.path)/run.json")
        let run = try await state.play()
        try state.export(run)
        _ = try await state.play()
        let before = try state.verdict().words
        #expect(before.count == 2, "\(before)")
        #expect(try state.prune()[run.id] == "pruned")
        #expect(try state.verdict().words == before)
        try overwrite("\(state.path)/runs/\(gone.id).set-aside-1/outcome.json", [])
        #expect(try state.verdict().words.contains { $0.contains("it was edited after run \(run.id) set it aside") })
    }

    /// Else the export that a tombstone names would not be the one that the list knows.
    @Test func aTimeThatIsReadAndWrittenAgainIsTheSame() throws {
        for millisecond in 0..<1000 {
            let digits = String(1000 + millisecond).dropFirst()
            for text in ["2026-11-26T21:15:09.\(digits)Z", "1999-12-31T23:59:59.\(digits)Z"] {
                #expect(try RecordTimestamp.text(RecordTimestamp.date(text)) == text)
            }
        }
    }
}
