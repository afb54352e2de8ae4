public import ClientKit

/// A failure of a step that no client's error describes.
public struct StepFailure: ExplainedError {
    /// What was tried.
    public let attempt: String
    /// The host involved, if any.
    public let host: String?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Determines the runner's exit status.
    public let kind: FailureKind

    /// Describes a failure; see the properties.
    public init(
        _ attempt: String, host: String? = nil, cause: String, remedy: String, kind: FailureKind = .failed
    ) {
        self.attempt = attempt
        self.host = host
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
    }
}

/// Several independent failures in one, so that one host's error does not hide the others'.
public struct CombinedFailure: ExplainedError {
    /// The failures, at least one.
    public let failures: [any ExplainedError]
    /// What was tried.
    public let attempt: String

    /// Combines `failures` of one `attempt`.
    public init(_ attempt: String, _ failures: [any ExplainedError]) {
        self.attempt = attempt
        self.failures = failures
    }

    /// The hosts involved, comma-separated.
    public var host: String? {
        let hosts = failures.compactMap(\.host)
        return hosts.isEmpty ? nil : hosts.joined(separator: ", ")
    }
    /// All causes, one per line.
    public var cause: String { failures.map(\.description).joined(separator: "\n  ") }
    /// The first failure's remedy.
    public var remedy: String { failures.first?.remedy ?? "" }
    /// The first failure's kind, unless one of them is a refusal, which takes precedence.
    public var kind: FailureKind {
        failures.contains { $0.kind == .refused } ? .refused : failures.first?.kind ?? .failed
    }
    /// Each failure on a line of its own.
    public var description: String {
        failures.count == 1 ? failures[0].description : "\(attempt):\n  \(cause)"
    }
}
