/// A file of the state directory that says the version of its format.
protocol Versioned {
    /// The formats that this version of `runner` reads.
    static var formats: ClosedRange<Int> { get }
}

extension RunHeader: Versioned {
    static let formats = 1...2
}

extension RunOutcome: Versioned {
    static let formats = 1...2
}

extension Checkpoint: Versioned {
    static let formats = 1...2
}

extension HeadStatement: Versioned {
    static let formats = 1...2
}

/// Tells a file that a later version wrote from one that is damaged: nothing is made of what it might
/// mean, and nothing appended to what belongs to it.
enum FormatCheck {
    /// Throws where the file is whole and of a format that is not among `known`.
    static func require(
        _ known: ClosedRange<Int>, of bytes: [UInt8], at path: String
    ) throws(JournalError) {
        guard SealedJSON.isWhole(bytes[...]) else { return }
        let format: Int?
        do throws(StrictJSON.Fault) {
            format = try JSONObject(bytes[...]).integer("format")
        } catch {
            return
        }
        guard let format, !known.contains(format) else { return }
        throw .unknownFormat(path, format: format, known: known)
    }

    /// What is wrong, in words.
    static func words(_ format: Int, known: ClosedRange<Int>) -> String {
        let all = known.map(String.init)
        let phrase = all.count == 1 ? "format \(all[0])" : "formats \(all[0]) to \(all[all.count - 1])"
        return "it has format \(format), and this version of runner knows \(phrase) only"
    }
}
