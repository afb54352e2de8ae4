public import ClientKit
import Foundation

/// A namespace.
public struct Namespace: Manifest {
    /// `v1`.
    public let apiVersion = "v1"
    /// `Namespace`.
    public let kind = "Namespace"
    /// Name, labels and annotations.
    public var metadata: ObjectMeta

    /// Describes a namespace.
    public init(metadata: ObjectMeta) {
        self.metadata = metadata
    }
}

/// A ConfigMap.
public struct ConfigMap: Manifest {
    /// `v1`.
    public let apiVersion = "v1"
    /// `ConfigMap`.
    public let kind = "ConfigMap"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// The entries, readable by everyone who can read the namespace.
    public var data: [String: String]

    /// Describes a ConfigMap.
    public init(metadata: ObjectMeta, data: [String: String]) {
        self.metadata = metadata
        self.data = data
    }
}

/// A Secret object; its values are ``ClientKit/Secret`` and appear only in kubectl's standard
/// input.
public struct SecretObject: Manifest {
    /// `v1`.
    public let apiVersion = "v1"
    /// `Secret`.
    public let kind = "Secret"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// `Opaque`, `kubernetes.io/dockerconfigjson` and the like; it cannot be changed later.
    public var type: String
    /// The entries, sent as `data`: a key removed from `stringData` would stay in the cluster.
    public var data: [String: Secret]

    /// Describes a Secret object.
    public init(metadata: ObjectMeta, type: String = "Opaque", data: [String: Secret]) {
        self.metadata = metadata
        self.type = type
        self.data = data
    }

    private enum CodingKeys: CodingKey {
        case apiVersion, kind, metadata, type, data
    }

    /// Encodes the object with its values in base64.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(apiVersion, forKey: .apiVersion)
        try container.encode(kind, forKey: .kind)
        try container.encode(metadata, forKey: .metadata)
        try container.encode(type, forKey: .type)
        try container.encode(data.mapValues { Data($0.reveal().utf8).base64EncodedString() }, forKey: .data)
    }
}
