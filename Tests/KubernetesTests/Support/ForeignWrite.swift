import Kubernetes
import Testing

/// One way of writing to an object that is ours.
struct ForeignWrite: Sendable, CustomTestStringConvertible {
    let name: String
    let writes: [Write]
    /// How the plan's fields begin.
    let plan: [String]
    /// What must be there afterwards: kind, path of member names, value.
    var stays: [(kind: String, path: [String], value: JSONValue)] = []
    var testDescription: String { name }

    enum Write: Sendable {
        /// `kubectl apply`, client-side; without what is there before, where `first`.
        case applied(JSONValue, first: Bool = false)
        /// `kubectl apply --server-side` of another manager.
        case appliedByServer(JSONValue)
        /// `kubectl patch --type=json`.
        case patched(String, String)
        /// `kubectl patch` of the strategic type, or `merge`.
        case merged(String, String, type: String = "strategic")
        case command([String])
    }
}
