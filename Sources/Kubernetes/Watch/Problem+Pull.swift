extension Problem {
    /// Why an image cannot be pulled.
    ///
    /// The kubelet passes on containerd's error as text and has no code for the registry's answer;
    /// ``PullSymptom`` classifies that text.
    static func pull(
        of container: ContainerStatus, in pod: Pod, text: String, isSecretUnread: Bool = false
    ) -> Problem {
        let attempt = PullAttempt(
            image: container.image, secrets: pod.pullSecrets, isSecretUnread: isSecretUnread)
        let symptom = PullSymptom.first(in: text, about: container.image)
        let explanation = symptom.explanation(
            of: attempt, on: pod.node ?? "the node", text: text)
        return Problem(
            symptom.code, summary: "\(pod) cannot pull \(container.image): \(explanation.cause)",
            remedy: explanation.remedy, pod: pod.name, gracePeriod: symptom.gracePeriod,
            pull: attempt)
    }
}
