import ClientKit
import Journal
import StepKit
import Testing

@testable import RunnerCommands

@Suite struct DiagnosisTests {
    private func failure(_ kind: FailureKind, cause: String = "no") -> ProbeFinding {
        .failed(
            "it", error: StepFailure("ask", cause: cause, remedy: "fix it", kind: kind),
            redactor: Redactor())
    }

    @Test func eachDiagnosisIsOneLineAndAFailureHasItsRemedyBelow() {
        let diagnoses: [Diagnosis] = [
            .ok("a over SSH", "logged in as root"), .failed("b", "ask: no", remedy: "fix it"),
            .skipped("c", "not checked: b"),
        ]
        #expect(
            DiagnosisLines(isColoured: false).text(diagnoses).raw == """
                ✓ a over SSH: logged in as root
                ✗ b: ask: no
                    → fix it
                – c: not checked: b
                """)
        #expect(DiagnosisLines(isColoured: true).text(diagnoses).raw.contains("\u{1B}[31m✗\u{1B}[0m b: ask: no\n"))
    }

    @Test func whatAServerSaidCanNeitherBreakTheLineNorMoveTheCursorNorShowASecret() {
        let redactor = Redactor()
        redactor.add(Secret("correct-horse-battery"))
        let finding = ProbeFinding.failed(
            "it",
            error: StepFailure(
                "ask", cause: "one\n  two\u{1B}[2J correct-horse-battery\r\n", remedy: "fix\nit"),
            redactor: redactor)
        let shown = DiagnosisLines(isColoured: false).text([finding.diagnosis]).raw
        #expect(shown.hasPrefix("✗ it: ask: one two\\u{1b}[2J "))
        #expect(!shown.contains("\u{1B}"))
        #expect(!finding.diagnosis.found.contains("horse"))
        #expect(finding.diagnosis.remedy == "fix it")
    }

    @Test func theExitStatusIsThatOfTheFirstFailureAndARefusalOutranksAll() {
        let ok = ProbeFinding.ok("it", found: "well")
        #expect(ProbeResult([ok, .skipped("it", because: "not checked")], hasMaster: true).failure == nil)
        #expect(ProbeResult([ok, failure(.badInput), failure(.unreachable)], hasMaster: true).failure == .badInput)
        #expect(ProbeResult([failure(.unreachable), failure(.refused)], hasMaster: true).failure == .refused)
        #expect(ProbeResult([failure(.unreachable)], hasMaster: false).failure == .noMaster)
        #expect(ProbeResult([failure(.refused)], hasMaster: false).failure == .refused)
    }
}
