import ClientKit
import Foundation
import Testing

@testable import Journal

/// Somebody who has the operator's disk and changes what stays of pruned runs.
@Suite(.timeLimit(.minutes(30))) struct TombstoneAttackTests {
    private static let attacks: [(name: String, expected: String, attack: @Sendable (Pruned) throws -> Void)] = [
        (
            "removed", "retention.jsonl announces it",
            { try FileManager.default.removeItem(atPath: $0.tombstone($0.first)) }
        ),
        (
            "edited", "it does not match its own digest",
            { pruned in
                let path = pruned.tombstone(pruned.first)
                try overwrite(
                    path,
                    Array(String(decoding: contents(path), as: UTF8.self).replacing("succeeded", with: "failed").utf8))
            }
        ),
        (
            "edited and sealed again", "it is not the one that retention.jsonl announces",
            { pruned in
                let path = pruned.tombstone(pruned.first)
                try overwrite(path, pruned.resealed(path) { $0.replacing("\"bytes\" : ", with: "\"bytes\" : 9") })
            }
        ),
        (
            "edited, sealed again and announced", "signature does not match",
            { pruned in
                let path = pruned.tombstone(pruned.second)
                try overwrite(path, pruned.resealed(path) { $0.replacing("\"records\" : ", with: "\"records\" : 9") })
                try pruned.announce(pruned.second)
            }
        ),
        (
            "signed by a stranger", "signer unknown: k",
            { pruned in
                try overwrite("\(pruned.tombstone(pruned.first)).sig", Array("stranger".utf8))
            }
        ),
        (
            "unsigned", "unsigned: its signature was removed",
            { pruned in
                try FileManager.default.removeItem(atPath: "\(pruned.tombstone(pruned.first)).sig")
            }
        ),
        (
            "with an empty signature", "unsigned: its signature was removed",
            { pruned in
                try overwrite("\(pruned.tombstone(pruned.first)).sig", [])
            }
        ),
        (
            "with the signature of another", "signature does not match",
            { pruned in
                try overwrite(
                    "\(pruned.tombstone(pruned.first)).sig", contents("\(pruned.tombstone(pruned.second)).sig"))
            }
        ),
        (
            "doubled under another run's name", "it is another run's",
            { pruned in
                for ending in ["", ".sig"] {
                    try overwrite(
                        pruned.tombstone(pruned.second) + ending, contents(pruned.tombstone(pruned.first) + ending))
                }
            }
        ),
        (
            "of a run that never was", "none, found",
            { pruned in
                let id = "20200101T000000Z-11-0000"
                let path = "\(pruned.state.path)/tombstones/\(id).json"
                try overwrite(
                    path, pruned.resealed(pruned.tombstone(pruned.first)) { $0.replacing("\(pruned.first)", with: id) })
                try overwrite("\(path).sig", Array("x".utf8))
            }
        ),
        (
            "a foreign file", "tombstones/notes.txt: it is foreign",
            { pruned in
                try overwrite("\(pruned.state.path)/tombstones/notes.txt", [])
            }
        ),
        (
            "a line of the list removed", "does not know the export that it names",
            { pruned in
                try pruned.write(Array(pruned.lines().dropFirst()))
            }
        ),
        (
            "a line of the list doubled", "retention.jsonl, line 5: it is doubled",
            { pruned in
                try pruned.write(pruned.lines() + [pruned.lines()[0]])
            }
        ),
        (
            "lines of the list swapped", "are not the ones that run",
            { pruned in
                var lines = try pruned.lines()
                lines.swapAt(0, 1)
                try pruned.write(lines)
            }
        ),
        (
            "the list removed", "it is not the one that retention.jsonl announces (expected none",
            { pruned in
                try FileManager.default.removeItem(atPath: pruned.list)
            }
        ),
        (
            "the list cut", "retention.jsonl: its first",
            { pruned in try pruned.write(Array(pruned.lines().dropLast())) }
        ),
        (
            "the list edited", "retention.jsonl, line 1: it does not match its own digest",
            { pruned in
                var lines = try pruned.lines()
                lines[0][20] ^= 1
                try pruned.write(lines)
            }
        ),
    ]

    @Test(arguments: attacks.indices) func aChangeIsFound(index: Int) async throws {
        let (name, expected, attack) = Self.attacks[index]
        let pruned = try await Pruned()
        #expect(try pruned.state.verdict().words == [])
        try attack(pruned)
        let words = try pruned.state.verdict().words
        #expect(words.contains { $0.contains(expected) }, "\(name): \(words)")
    }

    /// The head of a pruned run is still compared with what others know of it.
    @Test func aTombstoneOfAnotherRecordIsFoundByWhoKnowsTheRecord() async throws {
        let pruned = try await Pruned()
        let tombstone = try #require(try pruned.state.tombstone(of: pruned.second))
        for known in tombstone.heads {
            let other = AuditHead(sequence: known.sequence, hash: String(repeating: "0", count: 64))
            for (head, isRight) in [(known, true), (other, false)] {
                let witness = try #require(
                    WitnessedHead(
                        witness: "k8s-master-02:/heads", run: "\(pruned.second)", head: "\(head)",
                        origin: pruned.state.label))
                let report = try AuditVerifier(pruned.state).verifyAll(against: [witness])
                #expect(report.isIntact == isRight, "\(report.words)")
            }
        }
        let later = try #require(
            WitnessedHead(
                witness: "syslog", run: "\(pruned.second)", head: "\(tombstone.records + 1):\(tombstone.head.hash)"))
        #expect(try !AuditVerifier(pruned.state).verifyAll(against: [later]).isIntact)
    }

    /// It changes nothing about the run, and no later prune takes it as an excuse.
    @Test func aTombstoneOfARunThatIsThereRemovesNothing() async throws {
        let state = try Scratch().state()
        let run = try await state.play()
        _ = try await state.play()
        let fake = try #require(try await Pruned().state.tombstones().first)
        let other = Tombstone(
            format: 1, run: run.id, head: fake.head, records: fake.records, files: 1, bytes: 1, result: .succeeded,
            ended: fake.ended, pruned: fake.pruned, who: fake.who, export: fake.export, heads: [], previous: nil,
            setAside: nil)
        try FileManager.default.createDirectory(atPath: "\(state.path)/tombstones", withIntermediateDirectories: true)
        let bytes = try SealedJSON.file(other)
        try overwrite("\(state.path)/tombstones/\(run.id).json", bytes)
        try overwrite("\(state.path)/tombstones/\(run.id).json.sig", Array(StandInJudge.sign(bytes).utf8))
        #expect(try state.verdict().words.contains { $0.contains("the run is there, and it ends with another record") })
        #expect(try state.prune()[run.id]?.hasPrefix("it was not exported") == true)
        #expect(try AuditVerifier(state).verify(run).isIntact)
        // And once the run is gone as well, it does not count.
        try FileManager.default.removeItem(atPath: run.path)
        #expect(try state.verdict().words.contains { $0.contains("the run was removed: heads.jsonl knows it") })
    }

    /// What looks like a removal that was cut off is one only where the tombstone says so.
    @Test func aDirectoryThatIsHiddenIsNoPrunedRun() async throws {
        let state = try Scratch().state()
        let run = try await state.play()
        _ = try await state.play()
        try FileManager.default.moveItem(atPath: run.path, toPath: state.grave(run.id))
        #expect(try state.verdict().words.contains { $0.contains("runs/.\(run.id).pruned: it is foreign") })
        #expect(try state.prune()[run.id] == nil)
        #expect(FileManager.default.fileExists(atPath: state.grave(run.id)))
    }

    @Test func whatALinkLeadsToIsNotRemoved() async throws {
        let state = try Scratch().state()
        let run = try await state.play()
        _ = try await state.play()
        let elsewhere = "\(state.path)/../elsewhere"
        try FileManager.default.moveItem(atPath: run.path, toPath: elsewhere)
        try FileManager.default.createSymbolicLink(atPath: run.path, withDestinationPath: elsewhere)
        try state.export(run)
        #expect(try state.prune()[run.id]?.hasSuffix("is a link") == true)
        #expect(FileManager.default.fileExists(atPath: "\(elsewhere)/audit.jsonl"))
    }

    @Test func aRunUnderWayHoldsTheModuleAgainstAPrune() async throws {
        let state = try Scratch().state()
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let finished = try runToEnd(helper, ["prune", state.path])
        #expect(finished.status == 1 && finished.lines.contains { $0.contains("take module 11") }, "\(finished.lines)")
        try lock.release()
    }
}
