import ClientKit
import Foundation
import Testing

@testable import Journal

/// A damaged log is never taken for a shorter one.
@Suite struct DamagedLogTests {
    private struct Damaged {
        let rich: RichState
        let path: String
        let lines: [[UInt8]]

        init() async throws {
            rich = try await RichState()
            path = "\(rich.unfinished.path)/audit.jsonl"
            lines = try contents(path).split(separator: UInt8(ascii: "\n")).map(Array.init)
        }

        func write(_ lines: [[UInt8]]) throws { try overwrite(path, lines.flatMap { $0 + [UInt8(ascii: "\n")] }) }

        func damage(line: Int) throws {
            var damaged = lines
            damaged[line - 1][20] ^= 1
            try write(damaged)
        }
    }

    @Test func whoAsksForRecordsGetsTheErrorThatEndsThem() async throws {
        let sample = try await Damaged()
        try sample.damage(line: 8)
        let run = sample.rich.unfinished
        let records = try run.records()
        for number in 1...7 { #expect(try records.next()?.number == number) }
        for _ in 1...2 {
            let error = #expect(throws: JournalError.self) { try records.next() }
            #expect(error?.line == 8 && error?.kind == .badInput)
        }
        #expect(throws: JournalError.self) { try run.entries() }
        #expect(throws: JournalError.self) { try run.commands() }
        var commands = try CommandReader(run)
        var given = 0
        let error = #expect(throws: JournalError.self) { while try commands.next() != nil { given += 1 } }
        #expect(given == 2 && error?.line == 8)
    }

    @Test func aNewRunSaysThatTheOneBeforeIsDamagedAndPinsWhatIsThere() async throws {
        let sample = try await Damaged()
        try sample.damage(line: 8)
        let next = try await newRun(in: sample.rich.state)
        try await next.finish(.refused, exitCode: 69)
        #expect(next.warnings.first?.contains("line 8") == true, "\(next.warnings)")
        let record = try #require(try next.reader.entries().first { $0.kind == .damage })
        #expect(record.text == next.warnings.first)
        let previous = try #require(try next.reader.header().content?.previous)
        #expect(previous.run == sample.rich.unfinished.id && previous.audit.sequence == 7)
        #expect(previous.damage?.line == 8 && previous.damage?.mayGrow == false)
        #expect(try AuditVerifier(sample.rich.state).verify(next.reader).findings == [])
        #expect(try AuditVerifier(sample.rich.state).verify(sample.rich.unfinished).findings.first?.line == 8)
        // Cut there, the log would be a whole one; two witnesses know better.
        try sample.write(Array(sample.lines[..<7]))
        #expect(try AuditVerifier(sample.rich.state).verify(next.reader).findings.map(\.file) == ["run.json"])
    }

    @Test func aNewRunSaysThatTheLogBeforeWasCutAtAWholeLine() async throws {
        let sample = try await Damaged()
        try await newRun(in: sample.rich.state).finish(.refused, exitCode: 69)
        let run = try #require(try sample.rich.state.newestRun())
        let path = "\(run.path)/audit.jsonl"
        let first = try #require(try contents(path).split(separator: UInt8(ascii: "\n")).first)
        try overwrite(path, Array(first) + [UInt8(ascii: "\n")])
        let next = try await newRun(in: sample.rich.state)
        #expect(next.warnings.first?.contains("the log was cut") == true, "\(next.warnings)")
    }

    @Test func aRunThatACrashCutOffIsToldFromADamagedOne() async throws {
        let sample = try await Damaged()
        let bytes = try contents(sample.path)
        try overwrite(sample.path, Array(bytes.dropLast(9)))
        let next = try await newRun(in: sample.rich.state)
        try await next.finish(.refused, exitCode: 69)
        let previous = try #require(try next.reader.header().content?.previous)
        #expect(previous.damage?.mayGrow == true)
        #expect(next.warnings.first?.contains("cut off") == true)
        // It may go on afterwards, and both stay intact.
        let run = sample.rich.unfinished
        let reopened = try await RunJournal.reopen(run, in: sample.rich.state, redactor: Redactor())
        try await reopened.journal.finish(.failed, exitCode: 1)
        #expect(try AuditVerifier(sample.rich.state).verifyAll().isIntact)
    }

    @Test func anEditedLastRecordIsNoCrash() async throws {
        let sample = try await Damaged()
        let last = sample.lines.count
        let state = sample.rich.state
        try sample.damage(line: last)
        for _ in 1...2 {
            let before = try contents(sample.path)
            let error = await #expect(throws: JournalError.self) {
                try await RunJournal.reopen(sample.rich.unfinished, in: state, redactor: Redactor())
            }
            #expect(error?.line == last && error?.kind == .badInput)
            #expect(try contents(sample.path) == before)
            // Nor is it one without its newline.
            try overwrite(sample.path, Array(before.dropLast()))
        }
    }

    @Test func aKeyThatComesTwiceIsRefusedEvenIfSealedAndChained() async throws {
        let sample = try await Damaged()
        var lines = sample.lines
        let last = String(decoding: lines[lines.count - 1], as: UTF8.self)
        let content = String(last.prefix(upTo: try #require(last.range(of: ",\"whole\":")).lowerBound))
            .replacing("{\"command\":", with: "{\"v\":1,\"command\":")
        #expect(content.hasPrefix("{\"v\":1"))
        let seal = SHA256.hash(data: Array(content.utf8)).hex
        lines[lines.count - 1] = Array("\(content),\"whole\":\"\(seal)\"}".utf8)
        try sample.write(lines)
        let finding = try #require(try AuditVerifier(sample.rich.state).verify(sample.rich.unfinished).findings.first)
        #expect(finding.line == lines.count && finding.problem.contains("the key \"v\" is duplicated"))
        let error = #expect(throws: JournalError.self) { try sample.rich.unfinished.entries() }
        #expect(error?.cause.contains("is duplicated") == true)
    }

    @Test func aGrowingLogIsReadOnAndItsLastLineWaitedFor() async throws {
        let sample = try await Damaged()
        let run = sample.rich.unfinished
        let bytes = try contents(sample.path)
        let half = bytes.count - 40
        try overwrite(sample.path, Array(bytes[..<half]))
        let records = try run.records()
        var count = 0
        while try records.next(isGrowing: true) != nil { count += 1 }
        #expect(count == sample.lines.count - 1)
        let file = try Descriptor(sample.path, 1 | 0o2000)
        try file.write(Array(bytes[half...]))
        #expect(try records.next(isGrowing: true)?.number == sample.lines.count)
        #expect(try records.next() == nil)
    }
}
