import ClientKit
import Foundation
import Journal
import Testing

@Suite struct RunJournalTests {
    @Test func aFinishedRunReadsBackAsItWasWrittenAndVerifies() async throws {
        let scratch = try Scratch()
        let state = try scratch.state()
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
