/// What keeps a workload from coming up, as one sentence and one remedy.
public struct Trouble: Sendable, Hashable {
    /// What is wrong, as a code.
    public enum Code: String, Sendable, Codable {
        case placeholder
    }
    /// What is wrong, as a code.
    public let code: Code
}
