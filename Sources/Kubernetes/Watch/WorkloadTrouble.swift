extension Trouble {
    static func missing(_ subject: String) -> Trouble {
        Trouble(
            .missing, "\(subject) does not exist", remedy: "run the step that makes it again", patience: confirmed,
            subject: subject)
    }

    /// The controllers have not looked at a workload, which they do within a second.
    static func unattended(_ subject: String, _ what: String, seen: Int? = nil) -> Trouble {
        Trouble(
            .notControlled,
            "\(subject): the controller manager has not looked at \(what)" + (seen.map { ", only at \($0)" } ?? ""),
            remedy: "see whether kube-controller-manager runs on the masters, and its log", patience: unattended,
            subject: subject)
    }

    /// The API server refused to create pods, told by a condition or event of their owner.
    static func podRefused(_ subject: String, _ message: String) -> Trouble {
        func trouble(_ code: Code, _ sentence: String, _ remedy: String) -> Trouble {
            // Not at once: a new namespace gets its ServiceAccount, and a quota its room, a moment late.
            Trouble(
                code, "\(subject): \(sentence)",
                remedy: remedy + "; then run again, which makes the cluster try at once", patience: settled,
                subject: subject)
        }
        // The reason is FailedCreate for all of these; only the API server's text tells them apart.
        let text = message.firstRange(of: "forbidden: ").map { String(message[$0.upperBound...]) } ?? message
        if text.contains("exceeded quota") {
            return trouble(
                .quotaExceeded, "a ResourceQuota refuses its pods: \(text)",
                "raise the ResourceQuota of the namespace, or ask for less in the inventory")
        }
        if text.contains("service account") {
            return trouble(
                .missingServiceAccount, "its pods' ServiceAccount does not exist: \(text)",
                "create the ServiceAccount; `default` is made with its namespace, a moment later")
        }
        return trouble(
            .admissionRefused, "the API server refuses its pods: \(text)",
            "satisfy the policy or webhook that the answer names, or change it")
    }
}

extension [Trouble] {
    /// What to tell first: what does not pass by itself, and of that what needs least patience.
    var worst: Trouble? {
        self.min { ($0.patience ?? .seconds(1 << 30)) < ($1.patience ?? .seconds(1 << 30)) }
    }
}
