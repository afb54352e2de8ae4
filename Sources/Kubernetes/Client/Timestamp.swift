import Foundation

/// The API's notation of points in time: RFC 3339 in UTC, with six decimals in a `MicroTime`.
enum Timestamp {
    /// Reads `2026-11-24T09:05:43Z` or `2026-11-24T09:05:43.123456Z`; `nil` for anything else.
    static func date(_ text: String) -> Date? {
        let parts = text.dropLast(text.hasSuffix("Z") ? 1 : 0).split(
            separator: ".", omittingEmptySubsequences: false)
        // The failure is an answer here: a text that is no point in time is `nil`.
        guard text.hasSuffix("Z"), parts.count <= 2,
            let whole = try? Date("\(parts[0])Z", strategy: .iso8601)
        else {
            return nil
        }
        guard parts.count == 2 else { return whole }
        guard let fraction = Double("0.\(parts[1])") else { return nil }
        return whole.addingTimeInterval(fraction)
    }

    /// `2026-11-24T09:05:43Z`.
    static func text(_ date: Date) -> String {
        date.formatted(.iso8601)
    }

    /// `2026-11-24T09:05:43.123456Z`, the only form that a `MicroTime` takes.
    static func microText(_ date: Date) -> String {
        let whole = date.timeIntervalSince1970.rounded(.down)
        let micros = min(999_999, Int(((date.timeIntervalSince1970 - whole) * 1_000_000).rounded()))
        let digits = String(1_000_000 + micros).dropFirst()
        return "\(text(Date(timeIntervalSince1970: whole)).dropLast()).\(digits)Z"
    }
}
