import ClientKit
import Foundation
import Glibc
import StepKit

/// Diagnoses for people: a mark, what was checked, what was found, and below a failure what to do.
struct DiagnosisLines {
    /// Whether the marks are coloured.
    var isColoured = Terminal.wantsColour(on: STDOUT_FILENO)

    /// One line for each, and one more for each failure.
    func text(_ diagnoses: [Diagnosis]) -> TerminalText {
        .joined(diagnoses.map(lines))
    }

    private func lines(_ diagnosis: Diagnosis) -> TerminalText {
        let (mark, colour): (TerminalText, Terminal.Colour) =
            switch diagnosis.verdict {
            case .ok: ("✓", .green)
            case .failed: ("✗", .red)
            case .skipped: ("–", .dim)
            }
        let shown = isColoured ? mark.painted(colour) : mark
        let line: TerminalText = "\(shown) \(diagnosis.subject): \(diagnosis.found)"
        return line + (diagnosis.remedy.map { "\n    → \($0)" } ?? "")
    }
}

extension Diagnosis {
    /// A diagnosis of `subject` from `error`, on one line.
    static func failed(_ subject: String, error: any ExplainedError) -> Diagnosis {
        .failed(subject, "\(error.attempt): \(error.cause)".onOneLine, remedy: error.remedy.onOneLine)
    }
}

extension String {
    /// The text on one line.
    var onOneLine: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
