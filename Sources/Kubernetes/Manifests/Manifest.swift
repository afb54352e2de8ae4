import Foundation

/// The desired state of an object: only the fields that we own, as values, never as pasted text.
public protocol Manifest: Encodable, Sendable {
    /// Group and version, such as `apps/v1`.
    var apiVersion: String { get }
    /// The kind, such as `Deployment`.
    var kind: String { get }
    /// Name, namespace, labels and annotations.
    var metadata: ObjectMeta { get }
}

extension Manifest {
    /// Which object this is.
    public var reference: ObjectReference {
        ObjectReference(apiVersion: apiVersion, kind: kind, namespace: metadata.namespace, name: metadata.name)
    }

    /// The object as JSON, with the values of a ``SecretObject`` in it: only for kubectl's standard
    /// input and for comparing.
    public func json() -> JSONValue {
        let encoder = JSONEncoder()
        do {
            return try JSONValue(parsing: [UInt8](encoder.encode(self)))
        } catch {
            // Every manifest consists of strings, integers and booleans, which cannot fail to
            // encode.
            preconditionFailure("\(reference) cannot be encoded: \(error)")
        }
    }
}

extension [any Manifest] {
    /// All of them as one `List`, for one kubectl command.
    func standardInput() -> [UInt8] {
        JSONValue.list(map { $0.json() }).serialized()
    }
}

extension JSONValue {
    /// A `List` of objects.
    static func list(_ items: [JSONValue]) -> JSONValue {
        ["apiVersion": "v1", "kind": "List", "items": .array(items)]
    }

    /// Compact JSON with sorted keys: one value always gives the same bytes, and so the same digest
    /// in the audit log.
    func serialized() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return try [UInt8](encoder.encode(self))
        } catch {
            // Neither the parser nor a manifest produces an infinite number, and nothing else can
            // fail to encode.
            preconditionFailure("a JSON value cannot be encoded: \(error)")
        }
    }
}

/// Name, namespace, labels and annotations of an object.
public struct ObjectMeta: Encodable, Sendable, Hashable {
    /// The name.
    public var name: String
    /// The namespace; `nil` for a cluster-scoped object.
    public var namespace: String?
    /// Labels, for selecting.
    public var labels: [String: String]?
    /// Annotations, for reading.
    public var annotations: [String: String]?

    /// Describes an object's identity; see the properties.
    public init(
        name: String, namespace: String? = nil, labels: [String: String]? = nil, annotations: [String: String]? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.annotations = annotations
    }
}

/// A number, or a name or percentage, for a port or a number of pods.
public enum IntOrString: Encodable, Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    /// A number.
    case number(Int)
    /// A port's name, or a percentage such as `25%`.
    case text(String)

    /// A number.
    public init(integerLiteral value: Int) { self = .number(value) }
    /// A name or percentage.
    public init(stringLiteral value: String) { self = .text(value) }

    /// Encodes the number or the string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        }
    }
}

/// Selects pods or other objects by their labels.
public struct LabelSelector: Encodable, Sendable, Hashable {
    /// Labels that must all match.
    public var matchLabels: [String: String]

    /// Selects by labels.
    public init(matchLabels: [String: String]) {
        self.matchLabels = matchLabels
    }
}

/// A reference by name to an object in the same namespace.
public struct NameReference: Encodable, Sendable, Hashable {
    /// The name.
    public var name: String

    /// Refers to `name`.
    public init(name: String) {
        self.name = name
    }
}
