import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// Runs that are killed while they begin.
@Suite(.timeLimit(.minutes(20))) struct StillbornRunTests {
    private static let rounds = ProcessInfo.processInfo.environment["RUNNER_TORTURE"] == nil ? 24 : 80

    @Test func aRunThatIsKilledAtAnyMomentOfItsStartLeavesAnIntactRecord() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let began = ContinuousClock.now
        try await kill(platform) { try platform.state.newestRun().map { try !$0.entries().isEmpty } ?? false }
        let whole = began.duration(to: .now)
        var numbers = SeededNumbers()
        var found = ["no directory": 0, "no record": 0, "records": 0]
        for round in 1...Self.rounds {
            let before = try FileManager.default.contentsOfDirectory(atPath: "\(platform.state.path)/runs").count
            let moment = whole * Double.random(in: 0...1.5, using: &numbers)
            let deadline = ContinuousClock.now + moment
            // Where all other tests want the processors, a start took longer than others wait for anything.
            try await kill(platform, within: moment + .seconds(60)) { ContinuousClock.now >= deadline }
            let report = try AuditVerifier(platform.state).verifyAll()
            let findings = (report.findings + report.runs.flatMap(\.findings)).map(\.description)
            #expect(findings.isEmpty, "round \(round), killed after \(moment): \(findings)")
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(platform.state.path)/runs")
            let newest = try platform.state.newestRun()
            let isThere = names.count > before
            let hasRecords = try newest.map { try !$0.entries().isEmpty } ?? false
            found[!isThere ? "no directory" : hasRecords ? "records" : "no record", default: 0] += 1
        }
        print("a start took \(whole); killed with \(found)")
        survived(
            "kill -9 at a random moment of a start", times: Self.rounds,
            oracle: "the record is intact after each, and one `resume` goes on", seed: numbers.seed)
        let verified = try await platform.runner("audit", "verify")
        #expect(verified.status == 0, "\(verified.output)")
        // Whatever was left, one command goes on.
        let resumed = try platform.start(["resume"])
        try await eventually("a run goes on") { try resumed.output.contains("resume 20") }
        resumed.end(SIGKILL)
    }

    private func kill(
        _ platform: SilentPlatform, within limit: Duration = .seconds(120), when condition: () throws -> Bool
    ) async throws {
        let run = try platform.start(["run", "11", "--new"])
        defer { run.send(SIGKILL) }
        try await eventually("the moment", within: limit, condition)
        run.end(SIGKILL)
    }
}
