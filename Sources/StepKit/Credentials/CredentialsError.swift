public import ClientKit

/// One mistake in the credentials and its location; never contains a value.
public struct CredentialsProblem: Error, Sendable, Hashable {
    /// The file or folder.
    public let file: String
    /// The line, counted from 1; nil if the mistake is not on a particular line.
    public let line: Int?
    /// What is wrong.
    public let message: String
    /// How to fix it.
    public let remedy: String
}

/// Credentials that cannot be read or written, with all their mistakes.
public struct CredentialsError: ExplainedError {
    /// What was tried.
    public let attempt: String
    /// Every mistake; never empty.
    public let problems: [CredentialsProblem]
    /// `FailureKind.badInput` if they cannot be read, `FailureKind.stateNotWritable` if they cannot
    /// be written.
    public let kind: FailureKind

    /// Always nil: the files are on the operator's machine.
    public var host: String? { nil }
    /// All mistakes, one after the other.
    public var cause: String { problems.map(Self.text).joined(separator: "; ") }
    /// How to fix them all.
    public var remedy: String {
        problems.map(\.remedy).reduce(into: []) { list, remedy in
            if !list.contains(remedy) { list.append(remedy) }
        }.joined(separator: "; ")
    }

    /// One line that says what was tried, then one line for each mistake with its fix.
    public var description: String {
        (["\(attempt):"] + problems.map { "  \(Self.text($0)) → \($0.remedy)" }).joined(separator: "\n")
    }

    private static func text(_ problem: CredentialsProblem) -> String {
        problem.file + (problem.line.map { ":\($0)" } ?? "") + ": " + problem.message
    }
}
