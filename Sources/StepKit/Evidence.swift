/// A file that shows how things stood when a step failed.
public struct Evidence: Sendable {
    /// The file's name: letters, digits, `.`, `_` and `-`.
    public let name: String
    /// What it holds; secrets are redacted when it is written.
    public let contents: [UInt8]

    /// Names some contents.
    public init(_ name: String, _ contents: [UInt8]) {
        self.name = name
        self.contents = contents
    }

    /// Names a text.
    public init(_ name: String, _ text: String) {
        self.init(name, Array(text.utf8))
    }
}
