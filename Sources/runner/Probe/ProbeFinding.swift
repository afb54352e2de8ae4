import ClientKit
import Journal
import StepKit

/// A result of a probe, and the kind of failure, if it is one.
struct ProbeFinding: Sendable {
    let diagnosis: Diagnosis
    let kind: FailureKind?

    /// All is well, as `found` shows.
    static func ok(_ subject: String, found: String) -> ProbeFinding {
        ProbeFinding(diagnosis: .ok(subject, found.onOneLine), kind: nil)
    }

    /// It was not checked, for this `reason`.
    static func skipped(_ subject: String, because reason: String) -> ProbeFinding {
        ProbeFinding(diagnosis: .skipped(subject, reason), kind: nil)
    }

    /// The failure of `subject`, without the secrets that a server may have quoted.
    static func failed(
        _ subject: String, error: any Error, redactor: Redactor
    ) -> ProbeFinding {
        let explained =
            error as? any ExplainedError
            ?? StepFailure("check it", cause: "\(error)", remedy: "report this")
        let diagnosis = Diagnosis.failed(subject, error: explained)
        return ProbeFinding(
            diagnosis: .failed(
                subject, redactor.redact(diagnosis.found), remedy: redactor.redact(diagnosis.remedy ?? "")),
            kind: explained.kind)
    }
}

/// All results of a probe, and their exit status.
struct ProbeResult: Sendable {
    let diagnoses: [Diagnosis]
    /// The first failure's kind, unless there was a refusal or no master serves the API; nil if all
    /// is well.
    let failure: FailureKind?

    init(_ findings: [ProbeFinding], hasMaster: Bool) {
        diagnoses = findings.map(\.diagnosis)
        let kinds = findings.compactMap(\.kind)
        if kinds.contains(.refused) {
            failure = .refused
        } else {
            failure = hasMaster ? kinds.first : .noMaster
        }
    }
}
