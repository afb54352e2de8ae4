import Foundation
import Glibc
import TestSupport
import Testing

@testable import Journal
@testable import RunnerCommands

/// Runs that sign with a real key and are killed at their file calls: no verifier accuses what they leave.
@Suite(.timeLimit(.minutes(20))) struct KilledVerdictsTests {
    private static let calls = ["write", "fdatasync", "fsync", "link", "unlink", "rename", "mkdir"]

    /// It was killed after it gave the file its name, and before it removed the temporary one: tar could not unpack that.
    @Test func aFileWithTwoNamesIsUnpacked() async throws {
        let signed = try await SignedRun()
        let names = ["outcome.json", ".outcome.json.7.tmp"].map { "\(signed.run.path)/\($0)" }
        try #require(link(names[0], names[1]) == 0)
        let exported = try await Exported(signed, shell: Exported.shells[0])
        #expect(try exported.files.contains(".outcome.json.7.tmp"))
    }

    @Test func neitherVerifierAccusesARunThatWasKilled() async throws {
        var numbers = SeededNumbers()
        let signed = try await SignedRun()
        let judge = try await AllowedSignersJudge(path: signed.allowed)
        let folder = Program.journalCrash.file.deletingLastPathComponent()
        let library = folder.appending(path: "libFaultyCalls.so").path
        var judged = 0
        for round in 0..<14 {
            let path = "\(signed.path)/killed-\(round)"
            for process in 0..<Int.random(in: 1...3, using: &numbers) {
                let call = Self.calls[(round + process) % Self.calls.count]
                _ = try await Program.journalCrash.run(
                    [
                        "random", path, "\(UInt32.random(in: 0...UInt32.max, using: &numbers))",
                        signed.keyFile("operator"),
                    ],
                    environment: [
                        "LD_PRELOAD": library, "FAULTY_FOLDER": path, "FAULTY_LOG": "\(signed.path)/calls",
                        "FAULTY_CALL": call, "FAULTY_NUMBER": "\(Int.random(in: 1...60, using: &numbers))",
                        "FAULTY_FAULT": Bool.random(using: &numbers) ? "kill" : "killed",
                    ])
            }
            guard let state = try? StateDirectory.existing(path) else { continue }
            #expect(try AuditVerifier(state).verifyAll().findings == [], "\(numbers.seed), round \(round)")
            for run in try state.runs() {
                guard case .whole = try run.header() else { continue }
                let report = try AuditVerifier(state).verify(run, signatures: judge)
                let place = "\(numbers.seed), round \(round), \(run.id)"
                #expect(report.findings == [], "\(place)")
                guard report.lines > 0 else { continue }
                judged += 1
                let exported = try await Exported(signed, run: run, shell: Exported.shells[round % 2])
                let answer = try await exported.verify()
                // Zeros beside what is no text it cannot read.
                #expect(answer.status == 0 || answer.output.contains("that are no text"), "\(place): \(answer.output)")
                if answer.status == 0 {
                    let other = try await exported.verify(allowed: signed.allowed)
                    #expect((other.status == 0) == report.holds, "\(place): \(report), \(other.output)")
                }
            }
        }
        #expect(judged > 3)
    }
}
