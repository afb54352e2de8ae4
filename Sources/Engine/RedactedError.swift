import ClientKit
import Journal

/// An error whose texts were redacted: what a client quotes of logs and answers must not reach the terminal as it came.
struct RedactedError: ExplainedError {
    /// What was tried.
    let attempt: String
    /// The host involved, if any.
    let host: String?
    /// What came back.
    let cause: String
    /// What to do next.
    let remedy: String
    /// Which exit status it leads to.
    let kind: FailureKind
    /// The whole story, as the error itself tells it.
    let description: String

    /// Redacts every text of `error`.
    init(_ error: any ExplainedError, by redactor: Redactor) {
        attempt = redactor.redact(error.attempt)
        host = error.host.map(redactor.redact)
        cause = redactor.redact(error.cause)
        remedy = redactor.redact(error.remedy)
        kind = error.kind
        description = redactor.redact(error.description)
    }
}
