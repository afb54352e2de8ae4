public import ClientKit

/// One mistake in an inventory file, and its location.
public struct InventoryProblem: Error, Sendable, Hashable, Encodable {
    /// The path in the document, such as `hosts[2].address`; empty if the mistake concerns the
    /// whole file.
    public let path: String
    /// The line, counted from 1; nil if the mistake has no position in the text.
    public let line: Int?
    /// The column in Unicode scalars, counted from 1; nil like ``line``.
    public let column: Int?
    /// What is wrong and what is expected.
    public let message: String

    init(path: String = "", at position: TextPosition? = nil, _ message: String) {
        self.path = path
        self.line = position?.line
        self.column = position?.column
        self.message = message
    }
}

extension InventoryProblem {
    /// `FILE:LINE:COLUMN: PATH: MESSAGE`, without the parts that are missing.
    public func line(in file: String) -> String {
        var parts = [file]
        if let line, let column {
            parts[0] += ":\(line):\(column)"
        }
        if !path.isEmpty {
            parts.append(path)
        }
        return (parts + [message]).joined(separator: ": ")
    }

    static func isEarlier(_ left: InventoryProblem, _ right: InventoryProblem) -> Bool {
        (left.line ?? 0, left.column ?? 0, left.path) < (right.line ?? 0, right.column ?? 0, right.path)
    }
}

/// A position in a text: line and column, counted from 1, columns in Unicode scalars.
package struct TextPosition: Sendable, Hashable {
    var line: Int
    var column: Int

    static let start = TextPosition(line: 1, column: 1)
}

/// An inventory that cannot be used, with every mistake found in it.
public struct InventoryError: ExplainedError {
    /// The file as it was given, or its canonical path once it has been read.
    public let file: String
    /// Every mistake, in the order of the text; never empty.
    public let problems: [InventoryProblem]
    /// The command to try next.
    var command = "runner inventory check"

    /// `read the inventory FILE`.
    public var attempt: String { "read the inventory \(file)" }
    /// Always nil: the file is on the operator's machine.
    public var host: String? { nil }
    /// The number of mistakes and the first, or the only mistake.
    public var cause: String {
        guard problems.count == 1, let problem = problems.first else {
            return "\(problems.count) mistakes; the first: \(problems.first.map(line(for:)) ?? "none")"
        }
        return line(for: problem)
    }
    /// What to do next.
    public var remedy: String { "correct \(file), then check it with: \(command)" }
    /// Always `FailureKind.badInput`.
    public var kind: FailureKind { .badInput }

    /// One line that counts the mistakes, then one line for each:
    /// `FILE:LINE:COLUMN: PATH: MESSAGE`.
    public var description: String {
        let count = problems.count == 1 ? "1 mistake" : "\(problems.count) mistakes"
        return (["\(count) in the inventory \(file):"] + problems.map { "  " + line(for: $0) })
            .joined(separator: "\n")
    }

    private func line(for problem: InventoryProblem) -> String { problem.line(in: file) }
}
