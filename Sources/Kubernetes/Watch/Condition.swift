import Foundation

/// A condition in an object's status.
struct Condition {
    let status: String
    let reason: String
    let message: String
    /// Its `lastTransitionTime`.
    let since: Date?
}

extension JSONValue {
    var uid: String? { self["metadata", "uid"]?.string }

    func condition(_ type: String) -> Condition? {
        let conditions = self["status", "conditions"]?.elements ?? []
        return conditions.first { $0["type"]?.string == type }.map { condition in
            Condition(
                status: condition["status"]?.string ?? "",
                reason: condition["reason"]?.string ?? "",
                message: condition["message"]?.string ?? "",
                since: condition["lastTransitionTime"]?.string.flatMap(Timestamp.date))
        }
    }
}
