/// The members that identify the elements of a list, as declared in the API's schema
/// (`x-kubernetes-list-map-keys`).
///
/// Other lists are compared by position, and their elements are never ``UnmanagedElements``.
enum ListKeys {
    static func keys(ofListAt path: [FieldStep]) -> [String]? {
        guard case .field(let name)? = path.last else { return nil }
        switch name {
        case "containers", "initContainers", "ephemeralContainers", "env", "volumes",
            "imagePullSecrets":
            return ["name"]
        case "volumeMounts": return ["mountPath"]
        case "topologySpreadConstraints": return ["topologyKey", "whenUnsatisfiable"]
        case "ports":
            let isContainers =
                path.contains(.field("containers")) || path.contains(.field("initContainers"))
            return [isContainers ? "containerPort" : "port", "protocol"]
        case "ownerReferences": return ["uid"]
        default: return nil
        }
    }

    static func key(of element: JSONValue, among keys: [String]) -> [String: JSONValue] {
        element.members.filter { keys.contains($0.key) }
    }

    /// The elements by their keys; `nil` where an element has none of `keys`, or two have the same.
    static func index(
        _ elements: [JSONValue], by keys: [String]
    ) -> [[String: JSONValue]: JSONValue]? {
        var found: [[String: JSONValue]: JSONValue] = [:]
        for element in elements {
            let key = key(of: element, among: keys)
            guard !key.isEmpty, found.updateValue(element, forKey: key) == nil else { return nil }
        }
        return found
    }

    /// Whether `old` is `new` with another key: a port with the same name, or a topology spread
    /// constraint that shares half of its key.
    ///
    /// Where the whole key is a name, as with environment variables, another name is another
    /// element.
    static func isSame(_ old: JSONValue, as new: JSONValue, inListAt path: [FieldStep]) -> Bool {
        switch path.last {
        case .field("ports"): old["name"] != nil && old["name"] == new["name"]
        case .field("topologySpreadConstraints"):
            ["topologyKey", "whenUnsatisfiable"].contains { old[$0] == new[$0] }
        default: false
        }
    }
}
