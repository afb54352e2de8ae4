import ClientKit
import Foundation
import Testing

@testable import Journal

/// What a later version of `runner` wrote, in formats that this one does not know.
@Suite struct UnknownFormatTests {
    enum File: String, CaseIterable {
        case header = "run.json"
        case outcome = "outcome.json"
        case earlierOutcome = "outcome.1.json"
        case checkpoint = "checkpoints/fix_ufw_k8s_nodes.json"
        case log = "audit.jsonl"
    }

    /// A run with all of these files that was interrupted twice.
    private func state() async throws -> (state: StateDirectory, run: RunReader) {
        let state = try Scratch().state()
        let first = try await newRun(in: state)
        try await first.playStep(allSteps[0])
        try await first.finish(.interrupted, exitCode: 130)
        let again = try await RunJournal.reopen(first.reader, in: state, redactor: Redactor())
        try await again.journal.finish(.interrupted, exitCode: 130)
        return (state, first.reader)
    }

    @Test(arguments: File.allCases) func isRefusedByWhoeverReadsItAndNeverAppendedTo(_ file: File) async throws {
        let (state, run) = try await state()
        #expect(try AuditVerifier(state).verifyAll().isIntact)
        let path = "\(run.path)/\(file.rawValue)"
        let ours = try contents(path)
        let theirs =
            file == .log
            ? withLastLine(of: ours) { seal($0, #""v":3"#, #""v":99"#) }
            : seal(ours, "\"format\" : 2", "\"format\" : 99")
        try overwrite(path, theirs)
        let before = try snapshot(state)
        let known = file == .log ? "1 to 3" : "1 to 2"
        let words = "it has format 99, and this version of runner knows formats \(known) only"

        let reopened = await #expect(throws: JournalError.self) {
            try await RunJournal.reopen(run, in: state, redactor: Redactor())
        }
        #expect(reopened?.format == 99 && reopened?.kind == .badInput)
        #expect(reopened?.cause == words)
        #expect(reopened?.path == path)
        #expect(reopened?.remedy.hasPrefix("use the version of runner that wrote it") == true)
        #expect(try snapshot(state) == before)

        let report = try #require(try AuditVerifier(state).verifyAll().runs.first)
        #expect(report.findings.first?.file == file.rawValue)
        #expect(report.findings.first?.problem == words)
        #expect(try snapshot(state) == before)
    }

    @Test func noRunFollowsOneThatCannotBeRead() async throws {
        let (state, run) = try await state()
        let path = "\(run.path)/outcome.json"
        try overwrite(path, seal(try contents(path), "\"format\" : 2", "\"format\" : 99"))
        let error = await #expect(throws: JournalError.self) { _ = try await newRun(in: state) }
        #expect(error?.format == 99)
        #expect(try state.runs().map(\.id) == [run.id])
    }

    @Test func aListOfHeadsIsNotAppendedTo() async throws {
        let (state, run) = try await state()
        let path = "\(state.path)/heads.jsonl"
        let theirs = withLastLine(of: try contents(path)) { seal($0, #"{"audit""#, #"{"format":99,"audit""#) }
        try overwrite(path, theirs)
        for work in [
            { _ = try await RunJournal.reopen(run, in: state, redactor: Redactor()) },
            { _ = try await newRun(in: state) }, { _ = try AuditVerifier(state) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: JournalError.self) { try await work() }
            #expect(error?.format == 99 && error?.line == 4)
        }
        #expect(try contents(path) == theirs)
    }

    @Test func aTombstoneIsRefused() async throws {
        let pruned = try await Pruned()
        let state = pruned.state
        let path = pruned.tombstone(pruned.first)
        try overwrite(path, seal(try contents(path), "\"format\" : 1", "\"format\" : 99"))
        let before = try snapshot(state)
        for work in [
            { _ = try state.tombstone(of: pruned.first) }, { _ = try state.tombstones() },
            { _ = try AuditVerifier(state) }, { try state.prune() },
        ] as [() throws -> Void] {
            let error = #expect(throws: JournalError.self) { try work() }
            #expect(error?.format == 99 && error?.path == path && error?.cause.contains("knows format 1 only") == true)
        }
        #expect(try snapshot(state) == before)
    }

    @Test func aListOfExportsAndTombstonesIsNotAppendedTo() async throws {
        let pruned = try await Pruned()
        let state = pruned.state
        let lines = try pruned.lines().count
        try overwrite(
            pruned.list, withLastLine(of: contents(pruned.list)) { seal($0, #""format":1,"#, #""format":99,"#) })
        let before = try snapshot(state)
        for work in [
            { try state.export(pruned.last) }, { try state.prune() }, { _ = try AuditVerifier(state) },
        ] as [() throws -> Void] {
            let error = #expect(throws: JournalError.self) { try work() }
            #expect(error?.format == 99 && error?.line == lines && error?.path == pruned.list)
        }
        #expect(try snapshot(state) == before)
    }

    /// Whose formats are the engine's: its words on one that it does not know are what the reader is told.
    @Test func aPlanIsNotCarriedOut() async throws {
        struct Plan: Codable {
            struct Unknown: Error, CustomStringConvertible { let description: String }
            let format: Int

            init(from decoder: any Decoder) throws {
                format = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .format)
                if format > 2 { throw Unknown(description: "it is a plan of format \(format)") }
            }
        }
        let state = try Scratch().state()
        let journal = try await newRun(
            RichState.description(plan: SealedFile(sealing: ["format": 99]).bytes), in: state)
        guard case .damaged(let why) = try journal.reader.plan(Plan.self) else {
            Issue.record("it is read")
            return
        }
        #expect(why == "it cannot be read: it is a plan of format 99")
        #expect(try AuditVerifier(state).verifyAll().isIntact)
    }

    @Test func whoGoesOnIsOnRecordWithItsProgram() async throws {
        let state = try Scratch().state()
        let first = try await newRun(in: state)
        let redactor = Redactor([Secret("hunter22")])
        let process = RunProcess(
            runnerVersion: "1.1", arguments: ["runner", "resume", "--inventory", "/home/hunter22/i.json"],
            inventoryPath: "/home/hunter22/i.json", inventoryDigest: String(repeating: "a", count: 64))
        let reopened = try await RunJournal.reopen(first.reader, in: state, by: process, redactor: redactor)
        let entry = try #require(try first.reader.entries().last)
        guard case .runResume(let opening) = entry.content else {
            Issue.record("\(entry)")
            return
        }
        let program = try #require(opening.runner)
        #expect(program == reopened.program)
        #expect(program.version == "1.1")
        #expect(program.sha256 == (try first.reader.header().content?.runner.sha256))
        #expect(program.arguments.last == "/home/\(Redactor.mask)/i.json")
        #expect(opening.inventory?.path == "/home/\(Redactor.mask)/i.json")
        #expect(opening.inventory?.sha256 == String(repeating: "a", count: 64))
    }

    private func snapshot(_ state: StateDirectory) throws -> [String: [UInt8]] {
        let files = try RunTree(state.path).files.filter { !$0.hasSuffix(".lock") }
        return try Dictionary(uniqueKeysWithValues: files.map { ($0, try contents("\(state.path)/\($0)")) })
    }

    /// As another version would write it.
    private func seal(_ bytes: [UInt8], _ text: String, _ other: String) -> [UInt8] {
        let isFile = bytes.last == UInt8(ascii: "\n")
        let before = isFile ? ",\n  \"whole\" : \"" : ",\"whole\":\""
        let after = isFile ? "\"\n}\n" : "\"}"
        let length = before.utf8.count + 64 + after.utf8.count
        let old = String(decoding: bytes.dropLast(length), as: UTF8.self)
        #expect(old.contains(text))
        let content = Array(old.replacing(text, with: other).utf8)
        return content + before.utf8 + SHA256.hash(data: content).hex.utf8 + after.utf8
    }

    private func withLastLine(of bytes: [UInt8], _ change: ([UInt8]) -> [UInt8]) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        let lines = bytes.split(separator: newline).map(Array.init)
        return lines.dropLast().flatMap { $0 + [newline] } + change(lines[lines.count - 1]) + [newline]
    }
}
