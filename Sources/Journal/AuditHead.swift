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
        guard parts.count == 2, let sequence = Int(parts[0]), parts[1].utf8.count == 64 else { return nil }
        self.init(sequence: sequence, hash: String(parts[1]))
    }
}
