import ClientKit
import Foundation

/// The first field of a `known_hosts` line.
struct HostPatterns: Sendable {
    private enum Form {
        case list([Substring])
        case hash(Data, salt: Data)
    }

    /// Names every host.
    static let everyHost = HostPatterns(form: .list(["*"]))

    /// The bytes of a SHA-1.
    private static let hashLength = 20

    private let form: Form

    private init(form: Form) {
        self.form = form
    }

    /// From here on OpenSSH takes a pattern for none, and its list with it.
    private static let tooLong = 1023

    /// Reads the field; nil where it is a hash that cannot be one, or has a pattern that is too long.
    init?(_ field: Substring) {
        guard field.utf8.first == UInt8(ascii: "|") else {
            let patterns = field.lowercased().utf8.split(separator: UInt8(ascii: ","))
            let negation = UInt8(ascii: "!")
            let isRight = patterns.allSatisfy {
                $0.count - ($0.first == negation ? 1 : 0) < Self.tooLong
            }
            guard isRight else { return nil }
            form = .list(patterns.map { Substring($0) })
            return
        }
        let parts = field.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "1", let salt = Self.digest(parts[2]), let hash = Self.digest(parts[3])
        else { return nil }
        form = .hash(hash, salt: salt)
    }

    /// Twenty bytes, in the very text that OpenSSH would write for them: it compares texts.
    private static func digest(_ text: Substring) -> Data? {
        guard let data = Data(base64Encoded: String(text)), data.count == hashLength,
            data.base64EncodedString() == text
        else { return nil }
        return data
    }

    /// The names that it has, in lower case; nil where it does not simply list them.
    var plainNames: [Substring]? {
        guard case .list(let patterns) = form else { return nil }
        let isPlain = patterns.allSatisfy { !$0.utf8.contains { Self.special.contains($0) } }
        return isPlain ? patterns : nil
    }

    private static let special = Array("*?!".utf8)

    /// Whether the field names `name`, which must be in lower case.
    func match(_ name: String) -> Bool {
        switch form {
        case .hash(let hash, let salt):
            // SHA-1 is what the file format prescribes; it hides names and protects nothing.
            return hmacSHA1(name, salt: salt).bytes.elementsEqual(hash)
        case .list(let patterns):
            let matching = patterns.filter { pattern in
                Self.match(pattern.hasPrefix("!") ? pattern.dropFirst().utf8 : pattern.utf8, name: name[...].utf8)
            }
            return !matching.isEmpty && !matching.contains { $0.hasPrefix("!") }
        }
    }

    /// `*` and `?` as OpenSSH has them; time is bounded by the product of the lengths.
    private static func match(_ pattern: Substring.UTF8View, name: Substring.UTF8View) -> Bool {
        var pattern = pattern
        var name = name
        var retry: (pattern: Substring.UTF8View, name: Substring.UTF8View)?
        while let character = name.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, name.dropFirst())
            } else if let expected = pattern.first, expected == UInt8(ascii: "?") || expected == character {
                pattern = pattern.dropFirst()
                name = name.dropFirst()
            } else if let (afterStar, rest) = retry {
                pattern = afterStar
                name = rest
                retry = (afterStar, rest.dropFirst())
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
