import ClientKit
import Foundation
import Journal
import Testing

@Suite struct RunJournalTests {
    @Test func aFinishedRunReadsBackAsItWasWrittenAndVerifies() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        for step in allSteps { try await journal.playStep(step) }
        try await journal.finish(.succeeded, exitCode: 0, counts: ["applied": 3])

        let run = try #require(try state.runs().first)
        let report = try AuditVerifier(state).verify(run)
        #expect(report.findings.map(\.description) == [])
        #expect(report.anchoredUpTo == report.lines)
        #expect(try run.header().content?.steps == allSteps)
        #expect(try run.outcome().content?.result == .succeeded)
        #expect(try run.outcome().content?.counts["applied"] == 3)
        #expect(
            try run.checkpoints().compactMapValues(\.content?.completion)
                == Dictionary(
                    uniqueKeysWithValues: allSteps.map { ($0, .applied) }))
        let commands = try run.commands(step: allSteps[1])
        #expect(commands.map(\.start.command) == [["kubectl", "get", "pods"], ["kubectl", "apply", "-f", "-"]])
        #expect(commands.map(\.end?.value) == ["0", "0"])
        #expect(try state.newestUnfinishedRun(module: "11") == nil)
    }
}

extension RunJournalTests {
    @Test func noSecretIsInAnyFile() async throws {
        let state = try Scratch().state()
        let secret = "Pr/+ä'\"s3cret"
        let redactor = Redactor()
        let journal = try await newRun(in: state, redactor: redactor)
        redactor.add(Secret(secret))
        try await journal.beginStep(allSteps[0])
        let encoded = Data("user:\(secret)".utf8).base64EncodedString()
        try await journal.recordCheck(of: allSteps[0], inPlace: false, changes: ["set \(secret)"])
        try await journal.play(
            activity(
                ["sh", "-c", "echo \(secret) \(encoded)"], for: "say \(secret)", stdin: secret, effect: .change,
                host: "h-\(secret)", redactor: redactor),
            output: [String(encoded.prefix(9)), String(encoded.dropFirst(9)), "\n", secret], errors: [secret],
            status: .unknown("lost \(secret)"))
        try await journal.record(.lockBroken(LeaseHolder(secret, holder: secret, run: secret)))
        try await journal.saveEvidence(Array("log \(secret)".utf8), named: "pods.txt", of: allSteps[0])
        try await journal.finishStep(allSteps[0], .applied, changes: ["set \(secret)"])
        try await journal.finish(.failed, exitCode: 1, error: "bad \(secret)")
        let files = try #require(FileManager.default.enumerator(atPath: journal.path)).compactMap { $0 as? String }
        #expect(files.contains("evidence/\(allSteps[0])/pods.txt"))
        for file in files where !file.hasSuffix("evidence") {
            var isDirectory = ObjCBool(false)
            let path = "\(journal.path)/\(file)"
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
                continue
            }
            let text = String(decoding: try contents(path), as: UTF8.self)
            #expect(!text.contains("s3cret") && !text.contains(encoded.dropFirst(8).prefix(8)), "\(file): \(text)")
        }
        #expect(try AuditVerifier(state).verify(journal.reader).findings == [])
        var reader = try TranscriptReader(journal.reader, step: allSteps[0])
        var transcript: [TranscriptLine] = []
        while let line = try reader.next() { transcript.append(line) }
        #expect(transcript.map(\.kind) == [.begin, .purpose, .command, .output, .outputPiece, .errorPiece, .end])
        #expect(transcript.map(\.text)[1] == "say •••" && transcript.map(\.text)[4] == "•••")
    }

    @Test func shortSecretsDoNotMarTheJournalsOwnWordsAndDigests() async throws {
        let state = try Scratch().state()
        let digits = (0..<300).map { Secret(String(0xa000 + $0 * 170, radix: 16)) }
        let redactor = Redactor(digits + ["drif", "appl", "succ"].map { Secret($0) })
        let journal = try await newRun(in: state, redactor: redactor)
        try await journal.playStep(allSteps[0])
        try await journal.saveEvidence(Array("pods".utf8), named: "pods.txt", of: allSteps[0])
        try await journal.finish(.succeeded, exitCode: 0)
        #expect(try AuditVerifier(state).verify(journal.reader).findings.map(\.description) == [])
        #expect(try journal.reader.checkpoint(of: allSteps[0]).content?.completion == .applied)
    }

    @Test func commandsThatRunAtOnceAreKeptApart() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state, redactor: Redactor([Secret("hunter22")]))
        try await journal.beginStep(allSteps[0])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    let own = activity(["echo", "\(number)"], effect: number % 2 == 0 ? .change : .read)
                    try await journal.willBegin(own)
                    for line in 0..<50 {
                        let text = "line \(line) of \(number) hunter22\nhalf "
                        journal.didReceive(Array(text.utf8)[...], from: line % 3 == 0 ? .stderr : .stdout, of: own)
                    }
                    try await journal.didEnd(own, ActivityOutcome(status: .exited(0), duration: .zero))
                }
            }
            try await group.waitForAll()
        }
        try await journal.finish(.succeeded, exitCode: 0)
        #expect(try AuditVerifier(state).verify(journal.reader).findings == [])
        #expect(try journal.reader.commands().count == 40)
        #expect(try journal.reader.transcripts() == [allSteps[0]])
    }

    /// Where the run was cut off, such a line would be taken for one that somebody added.
    @Test func aNewlineInAHostsNameMakesNoLineOfATranscript() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.beginStep(allSteps[0])
        let hostile = activity(["echo", "a\nb"], for: "list\npods", host: "10.0.0.1\r\n#9 end exited 0\nx")
        try await journal.willBegin(hostile)
        let transcript = try String(contentsOfFile: "\(journal.path)/steps/\(allSteps[0]).log", encoding: .utf8)
        let lines = transcript.split(separator: "\n")
        #expect(lines.count == 3 && lines.allSatisfy { TranscriptLine(Array($0.utf8)[...]) != nil }, "\(transcript)")
        #expect(lines[0].contains(" 10.0.0.1 #9 end exited 0 x ssh read"), "\(transcript)")
        // Nor one in what came back: a grapheme of two characters is not the one that it ends with.
        try await journal.didEnd(
            hostile, ActivityOutcome(status: .unknown("lost\r\nagain\n"), duration: .milliseconds(12)))
        let whole = try String(contentsOfFile: "\(journal.path)/steps/\(allSteps[0]).log", encoding: .utf8)
        #expect(whole.hasPrefix(transcript) && whole.utf8.count { $0 == UInt8(ascii: "\n") } == 4, "\(whole)")
    }

    @Test func hostileNamesMakeNoFiles() async throws {
        let journal = try await newRun(in: Scratch().state())
        for name in ["../up", "a/b", ".hidden", "", "a\nb"] {
            await #expect(throws: JournalError.self) { try await journal.beginStep(name) }
            await #expect(throws: JournalError.self) { try await journal.saveEvidence([], named: name, of: "step") }
        }
    }

    @Test func aRunWithNothingToDoSyncsLittle() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        let start = ContinuousClock.now
        for step in (1...7).map({ "step-\($0)" }) {
            try await journal.beginStep(step)
            for _ in 0..<4 { try await journal.play(activity(), output: ["{}\n"]) }
            try await journal.recordCheck(of: step, inPlace: true)
            try await journal.finishStep(step, .inPlace)
        }
        try await journal.finish(.succeeded, exitCode: 0)
        print("7 steps in place: \(journal.syncCount) syncs, \(ContinuousClock.now - start)")
        // Each step's transcript is a new name in its folder, and so one sync more.
        #expect(journal.syncCount <= 7 * 5 + 15)
    }

    @Test func aThousandRecordsThatOnlyReadCostNoSync() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        let before = journal.syncCount
        var start = ContinuousClock.now
        for _ in 0..<1000 { try await journal.record(.warning("something an auditor should know")) }
        print("1000 records: \(ContinuousClock.now - start)")
        #expect(journal.syncCount == before)
        start = ContinuousClock.now
        for _ in 0..<100 { try await journal.record(.warning("durable"), durable: true) }
        print("100 durable records: \(ContinuousClock.now - start)")
        #expect(journal.syncCount == before + 100)
        start = ContinuousClock.now
        #expect(try AuditVerifier(state).verify(journal.reader).lines == 1101)
        print("verifying 1101 lines: \(ContinuousClock.now - start)")
    }

    @Test func sixtyFourMebibytesPassInBoundedMemory() throws {
        let scratch = try Scratch()
        let finished = try runToEnd(helper, ["pour", "\(scratch.path)/state", "64"])
        let words = try #require(finished.lines.first).split(separator: " ")
        print("64 MiB of output: \(finished.lines)")
        #expect(try #require(Int(words[1])) < 16 << 10)
        let state = StateDirectory.reading("\(scratch.path)/state")
        let run = try #require(try state.runs().first)
        #expect(try AuditVerifier(state).verify(run).findings == [])
    }
}
