public import Foundation

/// A file of allowed signers, as `ssh-keygen -Y verify -f` reads it: who may sign, with which key,
/// for what, and when.
public struct AllowedSigners: Sendable {
    /// Why the file cannot be used.
    public struct Problem: Error, Sendable, Hashable {
        /// The number of the line.
        public let line: Int
        /// What is wrong with it, in words.
        public let cause: String
    }

    /// What the file says about a key.
    public enum Answer: Sendable, Hashable {
        /// The key is that of this principal.
        case allowed(principal: String)
        /// No line has the key.
        case unknown
        /// Lines have the key, but not for this: why, in words.
        case notForThis(String)
    }

    private struct Line: Sendable {
        let principals: String
        let key: PublicKey
        var namespaces: String?
        var after: Date?
        var before: Date?
    }

    private var lines: [Line] = []

    /// Reads the text of such a file; a line that cannot be understood is an error, not a line
    /// without effect.
    public init(_ text: String) throws(Problem) {
        // By scalars: to Swift "\r\n" is one character, which is neither of the two.
        for (index, line) in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            // C's strings end there, and what follows would count here only.
            if line.contains("\0") { throw Problem(line: index + 1, cause: "it has a zero byte") }
            let words = Self.words(line)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            if let read = try Self.line(words, number: index + 1) { lines.append(read) }
        }
    }

    /// What the file says about the key of `signature`, which was made at `time`.
    public func answer(on signature: SSHSignature, at time: Date) -> Answer {
        var reasons: [String] = []
        for line in lines where line.key == signature.key {
            if let namespaces = line.namespaces, !Self.names(namespaces, signature.namespace) {
                reasons.append("it may only sign for \(namespaces)")
            } else if let after = line.after, time < after {
                reasons.append("it is valid from \(after.formatted(.iso8601)) on")
            } else if let before = line.before, time > before {
                reasons.append("it is valid until \(before.formatted(.iso8601))")
            } else {
                return .allowed(principal: line.principals)
            }
        }
        return reasons.isEmpty ? .unknown : .notForThis(reasons.joined(separator: "; "))
    }

    /// Whether a list of patterns names `namespace`, which is in lower case; unlike names of hosts,
    /// patterns in upper case are others.
    private static func names(_ patterns: String, _ namespace: String) -> Bool {
        let able = patterns.split(separator: ",").filter { $0.lowercased() == $0 }
        return HostPatterns(able.joined(separator: ",")[...])?.match(namespace) ?? false
    }

    private static func line(_ words: [String], number: Int) throws(Problem) -> Line? {
        guard words.count >= 2 else { throw Problem(line: number, cause: "it has no key") }
        var rest = words[1...]
        var values: [String: String] = [:]
        if PublicKey.isType(words[1]) == false {
            for option in splitOptions(rest.removeFirst()) {
                let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let name = parts[0].lowercased()
                guard options.contains(name) else {
                    throw Problem(line: number, cause: "the option \(parts[0]) is not known")
                }
                guard values.updateValue(try value(parts, number), forKey: name) == nil else {
                    throw Problem(line: number, cause: "it has the option \(name) twice")
                }
            }
        }
        guard rest.count >= 2, let key = PublicKey(type: rest[rest.startIndex], base64: rest[rest.startIndex + 1])
        else { throw Problem(line: number, cause: "it has no key in OpenSSH's form") }
        let (after, before) = try (date(values["valid-after"], number), date(values["valid-before"], number))
        // Nothing here is signed with a certificate, and an authority's own key does not sign.
        if values["cert-authority"] != nil { return nil }
        let principals = words[0].replacing("\"", with: "")
        guard names(itself: principals) else { return nil }
        return Line(principals: principals, key: key, namespaces: values["namespaces"], after: after, before: before)
    }

    private static let options: Set = ["cert-authority", "namespaces", "valid-after", "valid-before"]

    /// The value of an option, which OpenSSH wants between quotes; of the one that has none, nothing.
    private static func value(_ parts: [Substring], _ number: Int) throws(Problem) -> String {
        if parts[0].lowercased() == "cert-authority", parts.count == 1 { return "" }
        guard parts.count == 2, parts[1].count >= 2, parts[1].first == "\"", parts[1].last == "\"",
            !parts[1].dropFirst().dropLast().contains("\"")
        else { throw Problem(line: number, cause: "the option \(parts[0]) has no value between quotes") }
        return String(parts[1].dropFirst().dropLast())
    }

    /// Options are separated by commas, and their values have commas between their quotes.
    private static func splitOptions(_ text: String) -> [Substring] {
        var isQuoted = false
        return text.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { isQuoted.toggle() }
            return character == "," && !isQuoted
        }
    }

    /// Whether a list of principals names anybody: `!operator` alone does not, nor a pattern that is too long.
    private static func names(itself principals: String) -> Bool {
        guard let patterns = HostPatterns(principals[...]) else { return false }
        return principals.split(separator: ",").contains { !$0.hasPrefix("!") && patterns.match($0.lowercased()) }
    }

    /// `YYYYMMDD` or `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, in local time, or in UTC with a `Z`.
    private static func date(_ text: String?, _ number: Int) throws(Problem) -> Date? {
        guard let text else { return nil }
        let isUTC = text.hasSuffix("Z") || text.hasSuffix("z")
        let digits = Array((isUTC ? String(text.dropLast()) : text).utf8)
        let allDigits = digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        func part(_ range: Range<Int>) -> Int? {
            range.upperBound <= digits.count ? Int(String(decoding: digits[range], as: UTF8.self)) : 0
        }
        var calendar = Calendar(identifier: .gregorian)
        if isUTC { calendar.timeZone = .gmt }
        let parts = DateComponents(
            year: part(0..<4), month: part(4..<6), day: part(6..<8), hour: part(8..<10),
            minute: part(10..<12), second: part(12..<14))
        guard allDigits, [8, 12, 14].contains(digits.count), parts.isValidDate(in: calendar),
            let date = calendar.date(from: parts)
        else { throw Problem(line: number, cause: "\(text) is not a time") }
        return date
    }

    /// The words of a line with their quotes, which keep spaces together.
    private static func words(_ line: Substring.UnicodeScalarView) -> [String] {
        var isQuoted = false
        return line.split { character in
            if character == "\"" { isQuoted.toggle() }
            return !isQuoted && (character == " " || character == "\t" || character == "\r")
        }.map { String($0) }
    }
}
