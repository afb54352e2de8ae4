import ClientKit
import Journal
import StepKit
import Testing

@testable import runner

@Suite struct DiagnosisTests {
    private func failure(_ kind: FailureKind, cause: String = "no") -> ProbeFinding {
        .failed("it", StepFailure("ask", cause: cause, remedy: "mend it", kind: kind), Redactor())
    }

    @Test func eachDiagnosisIsOneLineAndAFailureHasItsRemedyBelow() {
        let diagnoses: [Diagnosis] = [
            .ok("a over SSH", "root is let in"), .failed("b", "ask: no", remedy: "mend it"),
            .skipped("c", "not asked: b"),
        ]
        #expect(
            DiagnosisLines(isColoured: false).text(diagnoses).raw == """
                ✓ a over SSH: root is let in
                ✗ b: ask: no
                    → mend it
                – c: not asked: b
                """)
        #expect(DiagnosisLines(isColoured: true).text(diagnoses).raw.contains("\u{1B}[31m✗\u{1B}[0m b: ask: no\n"))
    }

    @Test func whatAServerSaidCanNeitherBreakTheLineNorMoveTheCursorNorShowASecret() {
        let redactor = Redactor()
        redactor.add(Secret("correct-horse-battery"))
        let finding = ProbeFinding.failed(
            "it", StepFailure("ask", cause: "one\n  two\u{1B}[2J correct-horse-battery\r\n", remedy: "mend\nit"),
            redactor)
        let shown = DiagnosisLines(isColoured: false).text([finding.diagnosis]).raw
        #expect(shown.hasPrefix("✗ it: ask: one two\\u{1b}[2J "))
        #expect(!shown.contains("\u{1B}"))
        #expect(!finding.diagnosis.found.contains("horse"))
        #expect(finding.diagnosis.remedy == "mend it")
    }

    @Test func theExitStatusIsThatOfTheFirstFailureAndARefusalOutranksAll() {
        let ok = ProbeFinding.ok("it", "well")
        #expect(ProbeResult([ok, .skipped("it", "not asked")], hasMaster: true).failure == nil)
        #expect(ProbeResult([ok, failure(.badInput), failure(.unreachable)], hasMaster: true).failure == .badInput)
        #expect(ProbeResult([failure(.unreachable), failure(.refused)], hasMaster: true).failure == .refused)
        #expect(ProbeResult([failure(.unreachable)], hasMaster: false).failure == .noMaster)
        #expect(ProbeResult([failure(.refused)], hasMaster: false).failure == .refused)
    }
}
