import ClientKit
import Foundation

/// The API server's latest refusal to create a pod of a ReplicaSet.
///
/// The condition stays until the controller's next attempt succeeds, which may be 17 minutes after
/// the cause is gone, and keeps the message of the first refusal.
struct PodCreationFailure {
    /// The API server's message.
    let message: String
    /// The time of the latest refusal, as far as it is known.
    let time: Date?
    /// Whether it is older than the last forced retry: its cause may be gone.
    let isOld: Bool

    /// Where ``ClusterWriter/retryRefusedPods(of:namespace:)`` records which refusal it saw.
    static let seenKey = "keybuzz.io/refusal-seen"

    init?(of owner: JSONValue, in snapshot: NamespaceSnapshot) {
        guard let condition = owner.condition("ReplicaFailure"), condition.status == "True" else {
            return nil
        }
        let event = snapshot.events(about: owner.uid, reasons: "FailedCreate").last
        let created = snapshot.events(about: owner.uid, reasons: "SuccessfulCreate").last
        time = [condition.since, event?.time].compactMap { $0 }.max()
        if let created, let time, created.time > time { return nil }
        let isEventNewer =
            event.map { event in condition.since.map { event.time >= $0 } ?? false } ?? false
        message =
            isEventNewer
            ? event?.message.withoutCreationPrefix ?? condition.message : condition.message
        let seen = owner["metadata", "annotations"]?.strings[Self.seenKey].flatMap(Timestamp.date)
        isOld = if let seen, let time { time <= seen } else { false }
    }
}

extension String {
    /// The API server's message in a controller's event.
    fileprivate var withoutCreationPrefix: String {
        hasPrefix("Error creating: ") ? String(dropFirst("Error creating: ".count)) : self
    }
}
