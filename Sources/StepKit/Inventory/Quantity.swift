import Foundation

/// An amount of a resource in Kubernetes' notation, such as `250m` or `512Mi`.
public struct Quantity: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The amount as it was written, which is used in manifests.
    public let description: String
    private let amount: Decimal

    private static let factors: [Substring: Decimal] = [
        "m": 0.001, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
        "Ki": 1024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776,
    ]

    /// Reads an amount; nil if it is malformed.
    public init?(_ text: String) {
        guard let match = text.wholeMatch(of: /([0-9]{1,15}(\.[0-9]{1,3})?)(m|k|M|G|T|Ki|Mi|Gi|Ti|)/),
            let number = Decimal(string: String(match.1), locale: Locale(identifier: "en_US_POSIX")),
            let factor = Self.factors[match.3]
        else {
            return nil
        }
        amount = number * factor
        description = text
    }

    private init(amount: Decimal) {
        self.amount = amount
        description = "\(amount)"
    }

    static let placeholder = Quantity(amount: 0)

    /// Whether `left` is the smaller amount, however each is written.
    public static func < (left: Quantity, right: Quantity) -> Bool {
        left.amount < right.amount
    }

    /// Whether both are the same amount, however each is written: `1` equals `1000m`.
    public static func == (left: Quantity, right: Quantity) -> Bool {
        left.amount == right.amount
    }

    /// Hashes only the amount.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(amount)
    }

    /// Whether the amount is zero.
    var isZero: Bool { amount == 0 }
}

extension Rule<Quantity> {
    /// Processor time: `1`, `0.5` or `250m`.
    package static var processor: Rule {
        .string(placeholder: .placeholder) { (text) throws(Mistake) in
            guard let quantity = Quantity(text), text.contains(/[0-9]m?$/), !quantity.isZero else {
                throw Mistake("must be an amount of CPU such as 250m or 1, not \(shown(text))")
            }
            return quantity
        }
    }

    /// Memory: `512Mi`, `2Gi`.
    package static var memory: Rule {
        .string(placeholder: .placeholder) { (text) throws(Mistake) in
            // A bare number or `m` would be bytes or thousandths of them: legal, but always a
            // mistake.
            guard let quantity = Quantity(text), text.contains(/[kMGTi]$/), !quantity.isZero else {
                throw Mistake("must be an amount of memory such as 512Mi or 2Gi, not \(shown(text))")
            }
            return quantity
        }
    }
}
