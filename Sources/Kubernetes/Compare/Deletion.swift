/// An object that is being deleted and not yet gone.
struct Deletion: Hashable {
    let reference: ObjectReference
    /// What it waits for: finalizers, and what a namespace's conditions say.
    let holders: [String]

    /// `nil` where the object is not being deleted.
    init?(of object: JSONValue) {
        guard object["metadata", "deletionTimestamp"] != nil, let reference = object.reference else { return nil }
        self.reference = reference
        let finalizers = (object["metadata", "finalizers"]?.elements ?? []).compactMap(\.string)
        let conditions = (object["status", "conditions"]?.elements ?? []).filter {
            reference.kind == "Namespace" && $0["status"]?.string == "True"
        }
        holders =
            finalizers.sorted().map { "finalizer \($0)" }
            + conditions.compactMap { condition in
                guard let type = condition["type"]?.string else { return nil }
                return "\(type): \(condition["message"]?.string ?? "")"
            }.sorted()
    }

    /// ` (held by finalizer example.com/hold)`; empty where nothing is known to hold it.
    var heldBy: String { holders.isEmpty ? "" : " (held by \(holders.joined(separator: "; ")))" }
}
