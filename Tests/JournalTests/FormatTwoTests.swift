import ClientKit
import Foundation
import Testing

@testable import Journal

@Suite struct FormatTwoTests {
    @Test func itsRecordsAreReadByTheirKinds() throws {
        let state = try earlierState(format: 2)
        let runs = try state.runs().reversed().filter { try $0.header().content != nil }
        let entries = try runs.flatMap { try $0.entries() }
        #expect(entries.allSatisfy { $0.version == 2 })
        #expect(entries.allSatisfy { if case .other = $0.content { false } else { true } })
        let opening = try #require(entries.first)
        guard case .runStart(let opened) = opening.content else { throw Unexpected(opening) }
        #expect(opened.who.login == "alice" && opened.plan?.utf8.count == 64)
        #expect(
            entries.prefix(4).map(\.content).dropFirst() == [
                .preflight(PreflightResult(absent: ["k8s-worker-03", "k8s-worker-05"])),
                .lockTakeover(LeaseHolder("taken over from bob@install-01 99")), .planComparison,
            ])
        let endings = entries.compactMap { if case .runEnd(let ending) = $0.content { ending } else { nil } }
        #expect(endings.map(\.result) == [.failed, .succeeded, .interrupted])
        #expect(endings.map(\.exitCode) == [1, 0, 130] && endings[1].counts["applied"] == 3)
        #expect(endings[0].error == "the link was lost")
        let change: RecordedChange = "create ConfigMap chatwoot-config"
        #expect(entries.compactMap(\.changes).allSatisfy { $0 == [change] })
        #expect(entries.contains { $0.content == .stepEnd(StepEnding(result: .failed, error: "the link was lost")) })
        #expect(entries.contains { $0.content == .note("a backup is in /var/backups/one") })
        let torn = try #require(entries.first { $0.kind == .tornTail })
        guard case .tornTail(let tail) = torn.content else { throw Unexpected(torn) }
        #expect(tail.line == 28 && tail.text.hasPrefix("line 28 was cut off"))
        let aside = try #require(entries.first { $0.kind == .setAside })
        guard case .setAside(let directory) = aside.content else { throw Unexpected(aside) }
        #expect(directory.result == .damaged && directory.name.hasSuffix(".set-aside-1"))
    }

    @Test func itsRunsAreVerifiedAndGoOn() async throws {
        let state = try earlierState(format: 2)
        let run = try #require(try state.newestUnfinishedRun(module: "11"))
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(Array(reopened.finished.keys) == [allSteps[0]] && reopened.unknown.count == 1)
        try await reopened.journal.playStep(allSteps[1])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(Set(try run.entries().map(\.version)) == [2, 3])
        let report = try AuditVerifier(state).verifyAll()
        #expect(report.runs.count == 3 && report.runs.flatMap(\.findings).map(\.description) == [])
        // The run whose run.json was removed when these files were made.
        #expect(report.findings.count == 2)
        #expect(report.findings.allSatisfy { $0.file.contains("-044d") })
    }

    @Test func aRecordThatLacksWhatItsKindNeedsCannotBeRead() throws {
        let line = """
            {"elapsed_ms":0,"kind":"KIND","prev":"","run":"20261126T123448Z-11-b6e2","seq":1,\
            "time":"2026-11-26T12:34:48.000Z","v":VERSION}
            """
        for kind in ["run.start", "run.end", "step.check", "step.end", "command.start", "command.end", "torn-tail"] {
            for version in 2...3 {
                let text = line.replacing("KIND", with: kind).replacing("VERSION", with: "\(version)")
                #expect(throws: DecodingError.self, "\(kind) of format \(version)") {
                    try SealedJSON.decode(AuditEntry.self, from: Array(text.utf8)[...])
                }
            }
        }
        let text = line.replacing("KIND", with: "moon.landing").replacing("VERSION", with: "4")
        let entry = try SealedJSON.decode(AuditEntry.self, from: Array(text.utf8)[...])
        #expect(entry.content == .other(AuditKind(rawValue: "moon.landing")))
    }
}

private struct Unexpected: Error {
    let entry: AuditEntry

    init(_ entry: AuditEntry) { self.entry = entry }
}
