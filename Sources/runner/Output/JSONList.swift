import ClientKit

/// A JSON array that is printed element by element, and is valid even if an error ends it.
struct JSONList {
    private var isEmpty = true

    /// Prints the beginning.
    init() throws {
        try StandardOutput.write(Array("[".utf8))
    }

    /// Prints one element.
    mutating func append(_ value: some Encodable) throws {
        try append(json: JSONOutput.string(value))
    }

    /// Prints one element that is already JSON.
    mutating func append(json: String) throws {
        try StandardOutput.write("\(isEmpty ? "" : ",")")
        try StandardOutput.write(Array(json.escapedWhereHidden.utf8))
        isEmpty = false
    }

    /// Prints the end.
    func close() throws {
        try StandardOutput.write("\(isEmpty ? "" : "\n")]")
    }
}
