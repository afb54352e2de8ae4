public import ClientKit

/// A Kubernetes node that did not answer when the run connected.
public struct AbsentNode: Sendable {
    /// Its inventory name.
    public let name: String
    /// Why it is absent.
    public let failure: any ExplainedError

    /// Describes an absence; see the properties.
    public init(name: String, failure: any ExplainedError) {
        self.name = name
        self.failure = failure
    }
}
