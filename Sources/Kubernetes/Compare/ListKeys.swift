/// The members that tell the elements of a list apart, as the API's schema declares them (`x-kubernetes-list-map-keys`).
///
/// Lists that are not here are compared by position, and the elements of their own are never ``Contradictions``.
enum ListKeys {
    static func keys(ofListAt path: [FieldStep]) -> [String]? {
        guard case .field(let name)? = path.last else { return nil }
        switch name {
        case "containers", "initContainers", "ephemeralContainers", "env", "volumes", "imagePullSecrets":
            return ["name"]
        case "volumeMounts": return ["mountPath"]
        case "topologySpreadConstraints": return ["topologyKey", "whenUnsatisfiable"]
        case "ports":
            let isContainers = path.contains(.field("containers")) || path.contains(.field("initContainers"))
            return [isContainers ? "containerPort" : "port", "protocol"]
        case "ownerReferences": return ["uid"]
        default: return nil
        }
    }

    static func key(of element: JSONValue, _ keys: [String]) -> [String: JSONValue] {
        element.members.filter { keys.contains($0.key) }
    }

    /// `nil` where an element lacks all keys or two share them: then there is nothing to tell them apart by.
    static func byKey(_ elements: [JSONValue], _ keys: [String]) -> [[String: JSONValue]: JSONValue]? {
        var found: [[String: JSONValue]: JSONValue] = [:]
        for element in elements {
            let key = key(of: element, keys)
            guard !key.isEmpty, found.updateValue(element, forKey: key) == nil else { return nil }
        }
        return found
    }

    /// Whether `old` is `new` with another key: a port of the same name, or a spread with one half of its key.
    ///
    /// Where the whole key is a name, such as an environment variable's, another name is another thing.
    static func isSame(_ old: JSONValue, as new: JSONValue, inListAt path: [FieldStep]) -> Bool {
        switch path.last {
        case .field("ports"): old["name"] != nil && old["name"] == new["name"]
        case .field("topologySpreadConstraints"):
            ["topologyKey", "whenUnsatisfiable"].contains { old[$0] == new[$0] }
        default: false
        }
    }
}
