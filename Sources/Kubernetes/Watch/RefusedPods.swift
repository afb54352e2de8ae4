import ClientKit
import Foundation

/// The API server's latest refusal to create a pod of a ReplicaSet.
///
/// The condition stays until the controller's next attempt succeeds, which may come 17 minutes after the cause is gone, and
/// keeps the words of the first refusal.
struct Refused {
    /// The API server's words.
    let message: String
    /// When it was refused last, as far as that is known.
    let time: Date?
    /// Whether it is older than the last time that the controller was made to try again: its cause may be gone.
    let isOld: Bool

    /// Where ``ClusterWriter/retryRefusedPods(of:namespace:)`` writes which refusal it saw.
    static let seenKey = "keybuzz.io/refusal-seen"

    init?(_ owner: JSONValue, _ snapshot: Snapshot) {
        guard let condition = owner.condition("ReplicaFailure"), condition.status == "True" else { return nil }
        let event = snapshot.events(about: owner.uid, reasons: "FailedCreate").last
        let created = snapshot.events(about: owner.uid, reasons: "SuccessfulCreate").last
        time = [condition.since, event?.time].compactMap { $0 }.max()
        if let created, let time, created.time > time { return nil }
        let isEventNewer = event.map { event in condition.since.map { event.time >= $0 } ?? false } ?? false
        message = isEventNewer ? event?.message.withoutCreationPrefix ?? condition.message : condition.message
        let seen = owner["metadata", "annotations"]?.strings[Self.seenKey].flatMap(Timestamp.date)
        isOld = if let seen, let time { time <= seen } else { false }
    }
}

extension String {
    /// The API server's words in a controller's event.
    fileprivate var withoutCreationPrefix: String {
        hasPrefix("Error creating: ") ? String(dropFirst("Error creating: ".count)) : self
    }
}
