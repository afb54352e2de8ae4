import Foundation

/// Names a run; ids sort by the time the run began: `20261124T084501Z-11-3f9a`.
public struct RunID: Hashable, Comparable, Sendable, CustomStringConvertible, LosslessStringConvertible {
    /// The id as written, also the name of the run's directory.
    public let description: String
    /// The module the run belongs to.
    public let module: String

    /// Reads an id as an operator types it; nil where it has not the shape of one, so that it never names another path.
    public init?(_ text: String) {
        // In bytes: a state directory may have thousands of them, and all are looked at when a run begins.
        let bytes = text.utf8
        let parts = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 16, parts[0].last == UInt8(ascii: "Z"), parts[2].count == 4,
            parts[0].allSatisfy(ASCII.isAlphanumeric),
            parts[2].allSatisfy({ ASCII.hexValue($0) != nil && !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) })
        else { return nil }
        module = String(Substring(parts[1]))
        guard Self.isModule(module) else { return nil }
        description = text
    }

    /// What the last four digits of an id are: another number each time, except in a simulation that is to repeat.
    @TaskLocal package static var chance: @Sendable () -> UInt16 = { .random(in: .min ... .max) }

    /// Makes the id of a run that begins at `time`, later than `newest`.
    ///
    /// Where the clock went back, or the same second saw a run already, the id takes the second after `newest`, or the
    /// number after its own where no second follows: the order of ids is the order of runs, and each run is chained to the
    /// one before it. Nil where no id is later.
    init?(module: String, time: Date, after newest: RunID?) {
        let suffix = String(0x10000 + UInt32(Self.chance()), radix: 16).dropFirst()
        let next = newest?.second.map { Self.stamp($0.addingTimeInterval(1)) }
        let number = newest.flatMap { UInt32($0.description.suffix(4), radix: 16) }
        let following = String(0x10000 + ((number ?? 0) + 1), radix: 16).dropFirst()
        let candidates = [
            "\(Self.stamp(time))-\(module)-\(suffix)", next.map { "\($0)-\(module)-\(suffix)" },
            newest.map { "\($0.description.prefix(16))-\(module)-\(following)" },
        ]
        let id = candidates.lazy.compactMap { $0.flatMap(RunID.init) }.first { id in newest.map { $0 < id } ?? true }
        guard let id else { return nil }
        self = id
    }

    /// Earlier runs first.
    public static func < (left: RunID, right: RunID) -> Bool { left.description < right.description }

    static func isModule(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 16 && text.utf8.allSatisfy(ASCII.isAlphanumeric)
    }

    private static let style = Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted)

    private static func stamp(_ time: Date) -> String { time.formatted(style) }

    private var second: Date? {
        do { return try Self.style.parse(String(description.prefix(16))) } catch { return nil }
    }
}

extension RunID: Codable {
    /// Reads an id, refusing any other text.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = RunID(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "not a run id"))
        }
        self = id
    }

    /// Writes the id as a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
