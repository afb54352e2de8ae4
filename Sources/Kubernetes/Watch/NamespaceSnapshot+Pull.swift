import Foundation

extension NamespaceSnapshot {
    /// The kubelet's full message about a failed pull: newer versions have it in the status, older
    /// ones only in an event.
    func pullText(of container: ContainerStatus, in pod: Pod, waiting: String) -> String {
        let event = events(about: pod.uid, reasons: "Failed").last {
            $0.message.contains(container.image) && $0.message.lowercased().contains("pull")
        }
        // `Back-off pulling image "…"` alone says nothing about the cause.
        let own = waiting.hasPrefix("Back-off") && !waiting.contains(": ") ? "" : waiting
        return event?.message ?? own
    }

    /// Whether the kubelet made its last attempt without a pull Secret because it could not read
    /// it.
    func isSecretUnread(for pod: Pod) -> Bool {
        let events = events(about: pod.uid, reasons: "FailedToRetrieveImagePullSecret")
        guard let unread = events.last else { return false }
        // The event is written just before the attempt; an older one is about an earlier attempt.
        let attempt = self.events(about: pod.uid, reasons: "Pulling").last
        return attempt.map { $0.time <= unread.time.addingTimeInterval(5) } ?? true
    }
}
