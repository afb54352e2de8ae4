/// A file with the state of something when a step failed.
public struct Evidence: Sendable {
    /// The file's name: letters, digits, `.`, `_` and `-`.
    public let name: String
    /// Its contents; secrets are redacted when it is written.
    public let contents: [UInt8]

    /// A file with these bytes.
    public init(_ name: String, _ contents: [UInt8]) {
        self.name = name
        self.contents = contents
    }

    /// A file with this text.
    public init(_ name: String, _ text: String) {
        self.init(name, Array(text.utf8))
    }
}
