import Foundation

/// An event about an object.
struct Event {
    let reason: String
    let message: String
    let time: Date

    init?(_ object: JSONValue, about uid: String?) {
        guard let uid, object["involvedObject", "uid"]?.string == uid else { return nil }
        reason = object["reason"]?.string ?? ""
        message = object["message"]?.string ?? ""
        let stamps = [
            object["series", "lastObservedTime"], object["lastTimestamp"], object["eventTime"],
            object["metadata", "creationTimestamp"],
        ]
        time =
            stamps.lazy.compactMap { $0?.string.flatMap(Timestamp.date) }.first ?? .distantPast
    }
}
