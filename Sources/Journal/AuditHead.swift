/// A place in the chain: what is kept outside the log to prove it later.
public struct AuditHead: Codable, Sendable, Hashable, CustomStringConvertible {
    /// The number of the last line; 0 where there is none yet.
    public let sequence: Int
    /// SHA-256 of that line's bytes; of run.json where there is none yet.
    public let hash: String

    enum CodingKeys: String, CodingKey {
        case sequence = "seq"
        case hash
    }

    /// No log has more records; numbers beyond it are not counted with.
    private static let numbers = 0...(1 << 53)

    /// Reads what a file says, and refuses numbers that no record has.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sequence = try container.decode(Int.self, forKey: .sequence)
        hash = try container.decode(String.self, forKey: .hash)
        if !Self.numbers.contains(sequence) {
            throw DecodingError.dataCorruptedError(
                forKey: .sequence, in: container, debugDescription: "no record has the number \(sequence)")
        }
    }

    /// A place that was written down elsewhere.
    public init(sequence: Int, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// `seq:hash`, as annotations and `--expect-head` carry it.
    public var description: String { "\(sequence):\(hash)" }

    /// Reads `seq:hash`.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = Int(parts[0]), Self.numbers.contains(sequence),
            parts[1].utf8.count == 64
        else { return nil }
        self.init(sequence: sequence, hash: String(parts[1]))
    }
}
