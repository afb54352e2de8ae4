/// An object that is being deleted.
struct Deletion: Hashable {
    let reference: ObjectReference
    /// What blocks the deletion: finalizers, and what a namespace's conditions say.
    let blockers: [String]

    /// `nil` where the object is not being deleted.
    init?(of object: JSONValue) {
        guard object["metadata", "deletionTimestamp"] != nil, let reference = object.reference
        else { return nil }
        self.reference = reference
        let finalizers = (object["metadata", "finalizers"]?.elements ?? []).compactMap(\.string)
        let conditions = (object["status", "conditions"]?.elements ?? []).filter {
            reference.kind == "Namespace" && $0["status"]?.string == "True"
        }
        blockers =
            finalizers.sorted().map { "finalizer \($0)" }
            + conditions.compactMap { condition in
                guard let type = condition["type"]?.string else { return nil }
                return "\(type): \(condition["message"]?.string ?? "")"
            }.sorted()
    }

    /// ` (blocked by finalizer example.com/hold)`; empty where nothing is known to block it.
    var reason: String {
        blockers.isEmpty ? "" : " (blocked by \(blockers.joined(separator: "; ")))"
    }
}
