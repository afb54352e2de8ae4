public import ClientKit

/// A file of shell-style `KEY=value` lines, read as data: nothing is expanded and nothing is run.
///
/// Comments, blank lines, `export`, both kinds of quotes and backslash escapes mean what they mean
/// to a POSIX shell. A line that only a shell could interpret is an error, and so is a key that
/// occurs twice.
public struct EnvFile: Sendable {
    /// The values by key.
    public let values: [String: Secret]

    private struct Line: Sendable {
        let text: String
        let key: String?
    }

    private let lines: [Line]

    /// An empty file.
    init() {
        values = [:]
        lines = []
    }

    /// Reads `bytes`; errors name `file`.
    public init(_ bytes: [UInt8], file: String) throws(CredentialsError) {
        var values: [String: Secret] = [:]
        var lines: [Line] = []
        var lineOfKey: [String: Int] = [:]
        var problems: [CredentialsProblem] = []
        let written = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, lineBytes) in written.enumerated() {
            // Files edited on Windows have a carriage return at the end of each line; it is never
            // part of a value.
            let trimmed = lineBytes.last == UInt8(ascii: "\r") ? lineBytes.dropLast() : lineBytes
            do throws(ShellWord.NeedsShell) {
                let text = try Self.text(of: trimmed)
                let assignment = try Self.assignment(in: text)
                lines.append(Line(text: text, key: assignment?.key))
                guard let (key, value) = assignment else {
                    continue
                }
                if let first = lineOfKey[key] {
                    throw ShellWord.NeedsShell("\(key) is defined again, first on line \(first)")
                }
                lineOfKey[key] = index + 1
                values[key] = value
            } catch {
                problems.append(
                    .init(
                        file: file, line: index + 1, message: error.message,
                        remedy: "write each line as KEY='value', each key once"))
            }
        }
        guard problems.isEmpty else {
            throw CredentialsError(attempt: "read the credentials in \(file)", problems: problems, kind: .badInput)
        }
        if lines.last?.text.isEmpty == true {
            lines.removeLast()
        }
        self.values = values
        self.lines = lines
    }

    /// The file's text with `replacements` in place of the lines that set these keys, or at the end
    /// if no line does; everything else is unchanged.
    func text(setting replacements: [(key: String, value: Secret)]) -> String {
        var pending = replacements
        var result = lines.map { line in
            guard let index = pending.firstIndex(where: { $0.key == line.key }) else {
                return line.text
            }
            return Self.line(pending.remove(at: index))
        }
        result += pending.map(Self.line)
        return result.map { $0 + "\n" }.joined()
    }

    private static func line(_ assignment: (key: String, value: Secret)) -> String {
        "\(assignment.key)=\(ShellWord.quote(assignment.value.reveal()))"
    }

    private static func text(of bytes: ArraySlice<UInt8>) throws(ShellWord.NeedsShell) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ShellWord.NeedsShell("is not UTF-8")
        }
        guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control && $0 != "\t" }) else {
            throw ShellWord.NeedsShell("contains a control character")
        }
        return text
    }

    private static func assignment(
        in line: String
    ) throws(ShellWord.NeedsShell) -> (key: String, value: Secret)? {
        let trimmed = line.trimmingPrefix { $0 == " " || $0 == "\t" || $0 == "\u{FEFF}" }
        if trimmed.isEmpty || trimmed.hasPrefix("#") {
            return nil
        }
        // By scalars: a value that begins with a combining mark would otherwise swallow the =.
        let form = /(export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=/.matchingSemantics(.unicodeScalar)
        guard let match = trimmed.prefixMatch(of: form) else {
            throw ShellWord.NeedsShell("is not of the form KEY=value")
        }
        let value = trimmed.unicodeScalars[match.range.upperBound...]
        return (String(match.2), try ShellWord.unquote(value))
    }
}
