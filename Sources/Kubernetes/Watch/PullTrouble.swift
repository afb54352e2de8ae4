extension Trouble {
    /// Why an image cannot be pulled.
    ///
    /// The kubelet passes on containerd's error as text and gives no code for what the registry answered, so that the rows of
    /// ``PullSymptom`` go by that text.
    static func pull(_ pod: Pod, _ container: ContainerStatus, text: String, isSecretUnread: Bool = false) -> Trouble {
        let attempt = PullAttempt(image: container.image, secrets: pod.pullSecrets, isSecretUnread: isSecretUnread)
        let symptom = PullSymptom.first(in: text, about: container.image)
        let told = symptom.told(attempt, node: pod.node ?? "the node", text: text)
        return Trouble(
            symptom.code, "\(pod.words) cannot pull \(container.image): \(told.why)", remedy: told.remedy,
            pod: pod.name,
            patience: symptom.patience, pull: attempt)
    }
}
