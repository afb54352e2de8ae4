extension Problem {
    static func missing(_ subject: String) -> Problem {
        Problem(
            .missing, summary: "\(subject) does not exist",
            remedy: "run the step that creates it again", gracePeriod: GracePeriod.permanent,
            subject: subject)
    }

    /// The controllers have not processed a workload, which they do within a second.
    static func notReconciled(
        _ subject: String, pending: String, observed: String? = nil
    ) -> Problem {
        let latest = observed.map { ", only \($0)" } ?? ""
        return notControlled(
            subject, cause: "kube-controller-manager has not processed \(pending) yet\(latest)")
    }

    /// Pods are gone, and the controllers have neither replaced nor uncounted them, which they do
    /// within a second.
    static func statusOutdated(_ subject: String, reported: Int, present: Int) -> Problem {
        notControlled(
            subject,
            cause: "its status reports \(reported) pods available, "
                + "but only \(present) \(present == 1 ? "exists" : "exist"): "
                + "kube-controller-manager has not processed the loss yet")
    }

    private static func notControlled(_ subject: String, cause: String) -> Problem {
        Problem(
            .notControlled, summary: "\(subject): \(cause)",
            remedy:
                "check that kube-controller-manager is running on the masters, and check its log",
            gracePeriod: GracePeriod.controlPlane, subject: subject)
    }

    /// The API server refused to create pods, as a condition or event of their owner reports.
    static func podsRejected(_ subject: String, message: String) -> Problem {
        // The reason is FailedCreate for all of these; only the API server's text distinguishes
        // them.
        let text =
            message.firstRange(of: "forbidden: ")
            .map { String(message[$0.upperBound...]) } ?? message
        let (code, cause, remedy): (Code, String, String) =
            if text.contains("exceeded quota") {
                (
                    .quotaExceeded, "a ResourceQuota rejects its pods",
                    "raise the ResourceQuota of the namespace, or request less in the inventory"
                )
            } else if text.contains("service account") {
                (
                    .missingServiceAccount, "the ServiceAccount of its pods does not exist",
                    "create the ServiceAccount (`default` is created shortly after its namespace)"
                )
            } else {
                (
                    .admissionRefused, "the API server rejects its pods",
                    "satisfy the policy or webhook named in the message, or change it"
                )
            }
        // Not immediately: a new namespace gets its ServiceAccount, and a quota its room, a moment
        // late.
        return Problem(
            code, summary: "\(subject): \(cause): \(text)",
            remedy: remedy + "; then run again, which makes the cluster retry immediately",
            gracePeriod: GracePeriod.shortage, subject: subject)
    }
}

extension [Problem] {
    /// The problem to report: one that does not pass on its own, and of these the one with the
    /// shortest grace period.
    var worst: Problem? {
        self.min { ($0.gracePeriod ?? .seconds(1 << 30)) < ($1.gracePeriod ?? .seconds(1 << 30)) }
    }
}
