#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IPv4 or IPv6 address.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address in network order: 4 bytes or 16.
    public let bytes: [UInt8]
    /// The address as it was written.
    public let description: String

    /// Reads an address in its usual form; nil for anything else, including one with a zone or
    /// leading zeros.
    public init?(_ text: String) {
        var storage: [UInt8] = Array(repeating: 0, count: 16)
        let isIPv6 = text.contains(":")
        guard !text.utf8.contains(0), inet_pton(isIPv6 ? AF_INET6 : AF_INET, text, &storage) == 1 else {
            return nil
        }
        bytes = Array(storage.prefix(isIPv6 ? 16 : 4))
        description = text
    }

    private init(bytes: [UInt8], description: String) {
        self.bytes = bytes
        self.description = description
    }

    static let placeholder = IPAddress(bytes: [0, 0, 0, 0], description: "0.0.0.0")

    /// Whether both are the same address, however each is written.
    public static func == (left: IPAddress, right: IPAddress) -> Bool {
        left.bytes == right.bytes
    }

    /// Hashes only the bytes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(bytes)
    }

    /// The first `length` bits, all others zero.
    func masked(to length: Int) -> [UInt8] {
        bytes.enumerated().map { (index, byte) in
            let kept = min(8, max(0, length - index * 8))
            return kept == 0 ? 0 : byte & (0xFF << (8 - kept))
        }
    }
}

/// A network in CIDR notation, such as `10.233.0.0/16`.
public struct CIDR: Sendable, Hashable, CustomStringConvertible {
    /// The first address of the network.
    public let network: IPAddress
    /// The number of leading bits that all its addresses share.
    public let prefixLength: Int

    /// The network in CIDR notation.
    public var description: String { "\(network)/\(prefixLength)" }

    /// Reads a network; nil if it is malformed or has bits set beyond its prefix.
    public init?(_ text: String) {
        do {
            try self.init(parsing: text)
        } catch {
            return nil
        }
    }

    private init(network: IPAddress, prefixLength: Int) {
        self.network = network
        self.prefixLength = prefixLength
    }

    static let placeholder = CIDR(network: .placeholder, prefixLength: 32)

    init(parsing text: String) throws(Mistake) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])),
            parts[1].wholeMatch(of: /0|[1-9][0-9]{0,2}/) != nil, let length = Int(parts[1]),
            length <= address.bytes.count * 8
        else {
            throw Mistake("must be a network such as 10.233.0.0/16, not \(shown(text))")
        }
        guard address.masked(to: length) == address.bytes else {
            throw Mistake("has bits set beyond its first \(length): \(shown(text)) is an address within a network")
        }
        network = address
        prefixLength = length
    }

    /// Whether `address` is in the network.
    public func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == network.bytes.count && address.masked(to: prefixLength) == network.bytes
    }

    /// Whether the networks overlap.
    public func overlaps(_ other: CIDR) -> Bool {
        prefixLength <= other.prefixLength ? contains(other.network) : other.contains(network)
    }
}

extension Rule<CIDR> {
    /// A network in CIDR notation.
    package static var network: Rule {
        .string(placeholder: .placeholder) { (text) throws(Mistake) in try CIDR(parsing: text) }
    }
}
