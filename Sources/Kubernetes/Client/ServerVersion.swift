/// The version of the cluster's API server.
public struct ServerVersion: Sendable, Hashable, CustomStringConvertible {
    /// 1, until further notice.
    public let major: Int
    /// 20 in `v1.20.2`.
    public let minor: Int
    /// As the server reports it, such as `v1.34.2`.
    public let description: String

    /// Describes a version; see the properties.
    public init(major: Int, minor: Int, description: String) {
        self.major = major
        self.minor = minor
        self.description = description
    }

    /// Reads the response of `/version`.
    init?(_ answer: JSONValue) {
        // Some distributions report "20+" for a minor version with their own patches.
        guard let major = answer["major"]?.string.flatMap({ Int($0.prefix(while: \.isNumber)) }),
            let minor = answer["minor"]?.string.flatMap({ Int($0.prefix(while: \.isNumber)) })
        else { return nil }
        self.init(
            major: major, minor: minor,
            description: answer["gitVersion"]?.string ?? "v\(major).\(minor)")
    }

    /// The API version of PodDisruptionBudget: 1.21 added `policy/v1`, 1.25 removed
    /// `policy/v1beta1`.
    public var podDisruptionBudgetVersion: String {
        major > 1 || minor >= 21 ? "policy/v1" : "policy/v1beta1"
    }
}
