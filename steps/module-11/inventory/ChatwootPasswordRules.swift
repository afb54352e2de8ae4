import ClientKit
import Foundation
import Yams

/// How Chatwoot misreads a password that works everywhere else.
struct PasswordMisreading: Sendable, Hashable {
    /// What Chatwoot misreads, naming the character but never the value.
    let reason: String
    /// What the operator should do.
    let remedy: String
}

/// The passwords that Chatwoot v3.12.0 misreads, because it pastes them into YAML.
///
/// Chatwoot reads its YAML with the same library as this code, so the library itself shows how it
/// reads a password; the tables here only name the character at fault.
enum ChatwootPasswordRules {
    /// How `config/database.yml`, where `password` is in double quotes, misreads it; nil if it does
    /// not.
    static func misreadingAsDatabasePassword(_ password: Secret) -> PasswordMisreading? {
        let value = password.reveal()
        if value.isEmpty {
            return misreading("is empty", of: "database")
        }
        if scalar(from: "password: \"\(value)\"\n")?.string == value {
            return nil
        }
        let culprit =
            if value.unicodeScalars.contains("\\") {
                "contains a \\, which begins an escape"
            } else if value.unicodeScalars.contains("\"") {
                "contains a \", which ends the value"
            } else {
                "contains \(nameOfUnusual(in: value))"
            }
        return misreading(culprit, of: "database")
    }

    /// How `config/cable.yml`, where `password` is unquoted, misreads it; nil if it does not.
    static func misreadingAsRedisPassword(_ password: Secret) -> PasswordMisreading? {
        reasonAgainstPlain(password.reveal()).map { misreading($0, of: "Redis") }
    }

    private static func reasonAgainstPlain(_ value: String) -> String? {
        guard let first = value.unicodeScalars.first, let last = value.unicodeScalars.last else {
            return "is empty"
        }
        if first == " " || last == " " {
            return "begins or ends with a space, which is dropped"
        }
        // Ruby reads a leading colon as a symbol, and the old scripts lost a leading ~.
        if first == ":" || first == "~" {
            return "begins with \(first)"
        }
        guard let scalar = scalar(from: "password: \(value)\n"), scalar.string == value, scalar.style == .plain else {
            return whatEndsPlain(value, first: first)
        }
        return Resolver.default.resolveTag(of: .scalar(scalar)) == .str && !isNumberForRuby(value)
            ? nil : "is read as a number, a date, a boolean or null"
    }

    private static func whatEndsPlain(_ value: String, first: Unicode.Scalar) -> String {
        if "@*!%\"'{}[]|>#&`,?-".unicodeScalars.contains(first) {
            return "begins with \(first)"
        }
        for (part, name) in [(": ", "a colon before a space"), (" #", "a # after a space")] where value.contains(part) {
            return "contains \(name)"
        }
        return value.hasSuffix(":") ? "ends with a colon" : "contains \(nameOfUnusual(in: value))"
    }

    /// Numbers and dates that Ruby recognises but the library alone does not: commas within digits,
    /// one-digit months.
    private static func isNumberForRuby(_ value: String) -> Bool {
        value.wholeMatch(of: /[-+]?[0-9][0-9_,:]*(\.[0-9_,]*)?([eE][-+]?[0-9]+)?/) != nil
            || value.wholeMatch(of: /[-+]?0[xb][0-9a-fA-F_,]+/) != nil
            || value.wholeMatch(of: /[-+]?\.[0-9]+([eE][-+]?[0-9]+)?/) != nil
            || value.prefixMatch(of: /-?[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}/) != nil
    }

    private static func nameOfUnusual(in value: String) -> String {
        guard let scalar = value.unicodeScalars.first(where: { !(0x20..<0x7F).contains($0.value) }) else {
            return "a character that is special in YAML"
        }
        return "the character U+" + String(format: "%04X", scalar.value)
    }

    /// How the library reads a `password:` line; nil if it rejects it or finds no plain value.
    private static func scalar(from yaml: String) -> Node.Scalar? {
        do {
            return try compose(yaml: yaml)?.mapping?["password"]?.scalar
        } catch {
            return nil
        }
    }

    private static func misreading(_ reason: String, of service: String) -> PasswordMisreading {
        PasswordMisreading(
            reason: "the \(service) password \(reason): Chatwoot would use a different password",
            remedy: "give \(service) a password of letters and digits that begins with a letter")
    }
}
