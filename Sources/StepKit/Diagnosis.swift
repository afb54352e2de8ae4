/// The result of one check of the platform: the line that `runner doctor` and
/// `runner inventory check --probe` print.
public struct Diagnosis: Sendable, Hashable, Encodable {
    /// The outcome of a check.
    public enum Verdict: String, Sendable, Encodable, CaseIterable {
        /// Everything is as it should be.
        case ok
        /// Something is wrong, and no other failed check explains it.
        case failed
        /// Not checked, because a check that it depends on failed.
        case skipped
    }

    /// What was checked: `k8s-master-02 over SSH`, `page through the ingress of k8s-worker-01`.
    public let subject: String
    /// The outcome.
    public let verdict: Verdict
    /// What was seen, in one line: a version, a fingerprint, or the cause.
    public let found: String
    /// What to do next; `nil` unless the verdict is ``Verdict/failed``.
    public let remedy: String?

    private init(_ subject: String, _ verdict: Verdict, found: String, remedy: String?) {
        self.subject = subject
        self.verdict = verdict
        self.found = found
        self.remedy = remedy
    }

    /// The same with every text passed through `change`, such as a redactor.
    public func mapping(_ change: (String) -> String) -> Diagnosis {
        Diagnosis(change(subject), verdict, found: change(found), remedy: remedy.map(change))
    }

    /// All is well, as `found` shows.
    public static func ok(_ subject: String, _ found: String) -> Diagnosis {
        Diagnosis(subject, .ok, found: found, remedy: nil)
    }

    /// Something is wrong, and `remedy` fixes it.
    public static func failed(_ subject: String, _ found: String, remedy: String) -> Diagnosis {
        Diagnosis(subject, .failed, found: found, remedy: remedy)
    }

    /// It could not be checked, for the reason that `found` names.
    public static func skipped(_ subject: String, _ found: String) -> Diagnosis {
        Diagnosis(subject, .skipped, found: found, remedy: nil)
    }
}
