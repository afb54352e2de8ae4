/// Identifies an object of the cluster.
public struct ObjectReference: Sendable, Hashable, CustomStringConvertible {
    /// Group and version, such as `apps/v1`.
    public let apiVersion: String
    /// The kind, such as `Deployment`.
    public let kind: String
    /// The namespace; `nil` for a cluster-scoped object.
    public let namespace: String?
    /// The name.
    public let name: String

    /// Creates a reference; see the properties.
    public init(apiVersion: String, kind: String, namespace: String? = nil, name: String) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    /// `Deployment support/web`.
    public var description: String {
        "\(kind) \(namespace.map { "\($0)/" } ?? "")\(name)"
    }

    /// An object with nothing but its identity, for `kubectl get -f -`.
    var stub: JSONValue {
        var metadata: [String: JSONValue] = ["name": .string(name)]
        if let namespace { metadata["namespace"] = .string(namespace) }
        return [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "metadata": .object(metadata),
        ]
    }
}

extension JSONValue {
    /// The identity of an object as the API server returns it.
    var reference: ObjectReference? {
        guard let apiVersion = self["apiVersion"]?.string, let kind = self["kind"]?.string,
            let name = self["metadata", "name"]?.string
        else { return nil }
        return ObjectReference(
            apiVersion: apiVersion, kind: kind, namespace: self["metadata", "namespace"]?.string,
            name: name)
    }
}
