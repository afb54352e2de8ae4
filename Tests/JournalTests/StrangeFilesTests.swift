import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

/// Files that somebody left among those of a run, or made of them, so that a reader overlooks them or never ends.
@Suite(.timeLimit(.minutes(30))) struct StrangeFilesTests {
    /// Such a name cannot be a Swift string, and was taken for one that had just been renamed.
    @Test(arguments: ["notes\u{ff}", "steps/\u{ff}.log", "evidence/\u{ff}"])
    func aFileWhoseNameIsNoTextIsForeign(name: String) async throws {
        let rich = try await RichState()
        // Latin-1, of which the last letter is no UTF-8.
        let letters = "\(rich.finished.path)/\(name)".unicodeScalars
        let path = letters.map { CChar(bitPattern: UInt8($0.value)) } + [0]
        let file = open(path, O_CREAT | O_WRONLY, 0o600)
        try #require(file >= 0)
        close(file)
        let findings = try AuditVerifier(rich.state).verify(rich.finished).findings
        #expect(findings.map(\.file) == [name.replacing("\u{ff}", with: "\u{fffd}")], "\(findings)")
    }

    /// Unicode takes the sign of the unit kelvin for the letter K, and so does Swift.
    @Test func aFileWhoseNameOnlyLooksLikeThatOfAnAnnouncedOneIsNotTakenForIt() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.beginStep(allSteps[0])
        try await journal.saveEvidence([1, 2, 3], named: "K.txt", of: allSteps[0])
        try await journal.failStep(allSteps[0], error: "it failed")
        try await journal.finish(.failed, exitCode: 1)
        let folder = "\(journal.path)/evidence/\(allSteps[0])"
        try #require(rename("\(folder)/K.txt", "\(folder)/\u{212a}.txt") == 0)
        let removed = try AuditVerifier(state).verify(journal.reader).findings
        #expect(removed.contains { $0.file.hasSuffix("K.txt") && $0.isGap }, "\(removed)")
        try overwrite("\(folder)/K.txt", [1, 2, 3])
        let both = try AuditVerifier(state).verify(journal.reader).findings
        #expect(both.count == 1 && both[0].problem.contains("foreign"), "\(both)")
    }

    /// Nothing that reads all of such a file ends within a day.
    @Test func aLogThatIsLargerThanAnyDiskHoldsUpNeitherAnExportNorTheNextRun() async throws {
        let state = try Scratch().state()
        let first = try await newRun(in: state)
        try await first.playStep(allSteps[0])
        try await first.finish(.succeeded, exitCode: 0)
        #expect(try first.reader.firstFileWithHoles() == nil)
        try #require(truncate("\(first.path)/audit.jsonl", 1 << 42) == 0)
        #expect(try first.reader.firstFileWithHoles() == "audit.jsonl")
        let next = try await newRun(in: state)
        #expect(next.warnings.count == 1 && next.warnings[0].contains("is damaged"), "\(next.warnings)")
        try await next.finish(.refused, exitCode: 69)
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.runs.map(\.isIntact) == [true, false], "\(report.runs.flatMap(\.findings))")
    }

    /// What comes after it was passed over in silence.
    @Test func aLineOfAListThatIsTooLongIsNamed() async throws {
        let rich = try await RichState()
        let list = "\(rich.state.path)/\(HeadList.name)"
        let lines = try contents(list)
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: LineReader.longestLine + (1 << 20))
        try overwrite(list, lines + long + [UInt8(ascii: "\n")] + lines)
        let findings = try AuditVerifier(rich.state).verifyAll().findings
        #expect(findings.contains { $0.file == HeadList.name && $0.problem.contains("64 MiB") }, "\(findings)")
    }

    /// All of them were taken for what a crash leaves of a line.
    @Test(arguments: [#"{"audit":{"seq":1}}"#, "nothing of a list", "[]", "\u{202e}"])
    func aLineOfAListThatNoCrashLeavesIsNamed(line: String) async throws {
        let rich = try await RichState()
        let list = "\(rich.state.path)/\(HeadList.name)"
        let lines = try contents(list)
        try overwrite(list, lines + Array("\(line)\n".utf8))
        let findings = try AuditVerifier(rich.state).verifyAll().findings
        #expect(findings.map(\.line) == [lines.count { $0 == UInt8(ascii: "\n") } + 1], "\(findings)")
    }

    /// The bytes are as announced, and an auditor asks who could have changed them all.
    @Test func whatOthersCanWriteIsNoted() async throws {
        let rich = try await RichState()
        #expect(try AuditVerifier(rich.state).verifyAll().runs.allSatisfy { !"\($0.notes)".contains("others") })
        let path = rich.finished.path
        try #require(chmod("\(path)/audit.jsonl", 0o666) == 0 && chmod("\(path)/steps", 0o770) == 0)
        try #require(link("\(path)/run.json", "\(Scratch().path)/run.json") == 0)
        let report = try AuditVerifier(rich.state).verify(rich.finished)
        #expect(report.isIntact)
        let notes = report.notes.filter { $0.hasPrefix("others may") }
        #expect(
            notes == [
                "others may have been able to write audit.jsonl (mode 666), run.json (2 names), steps (mode 770)"
            ], "\(report.notes)")
    }

    /// The list of heads had been read before the run began that it was then missed for: 5 of 40 verifications.
    @Test func runsThatBeginWhileOthersAreVerifiedAreNotAccused() async throws {
        let state = try Scratch().state()
        let hasEnded = Locked(false)
        let writer = Task {
            defer { hasEnded.withLock { $0 = true } }
            while !Task.isCancelled {
                let lock = try ModuleLock.acquire(module: "11", in: state)
                let run = try await RunJournal.create(
                    RichState.description(plan: nil), in: state, holding: lock, redactor: Redactor())
                try await run.finish(.refused, exitCode: 69)
                try lock.release()
            }
        }
        var accused: [AuditFinding] = []
        while try state.runs().count < 40, !hasEnded.withLock({ $0 }) {
            let report = try AuditVerifier(state).verifyAll()
            accused += report.findings + report.runs.flatMap(\.findings)
        }
        writer.cancel()
        try await writer.value
        #expect(accused == [])
        let run = try #require(try state.newestRun())
        try overwrite("\(run.path)/notes", [1])
        #expect(try !AuditVerifier(state).verifyAll().isIntact)
    }
}
