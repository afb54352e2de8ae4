public import Foundation

/// What stays of a run that was pruned: `tombstones/<run>.json` in the state directory, with the
/// signature of the operator who pruned it beside it.
public struct Tombstone: Codable, Sendable, Hashable {
    /// The version of the file's format.
    public let format: Int
    /// The run.
    public let run: RunID
    /// The last record of its log.
    public let head: AuditHead
    /// How many records the log had.
    public let records: Int
    /// How many files the run had, the log included.
    public let files: Int
    /// How many bytes these had.
    public let bytes: Int
    /// How it ended.
    public let result: RunResult
    /// When it ended.
    public let ended: Date
    /// When it was pruned.
    public let pruned: Date
    /// By whom, and from where.
    public let who: Origin
    /// The export that holds it all.
    public let export: RunExport
    /// The places of its log that somebody else may know: other runs, the list of heads, witnesses,
    /// signatures.
    public let heads: [AuditHead]
    /// The run before it, as its run.json knew it.
    public let previous: RunHeader.Predecessor?
    /// The directories that it set aside.
    public let setAside: [SetAsideDirectory]?

    enum CodingKeys: String, CodingKey {
        case format, run, head, records, files, bytes, result, ended, pruned, who, export, heads, previous
        case setAside = "set_aside"
    }

    static let folder = "tombstones"

    static func name(of run: RunID) -> String { "\(folder)/\(run).json" }
}

extension Tombstone: Versioned {
    static let formats = 1...1
}

extension Tombstone {
    /// What is wrong where somebody else knows `anchor`; nil where nothing is, or nobody can tell.
    func finding(_ anchor: AuditAnchor) -> AuditFinding? {
        let place = Self.name(of: run)
        guard let sequence = anchor.sequence else { return nil }
        if sequence > records {
            return AuditFinding(
                place, "it tells of \(records) records, and \(anchor.source) knows record \(sequence)", isGap: true)
        }
        guard let own = heads.first(where: { $0.sequence == sequence }), own.hash != anchor.hash else { return nil }
        return AuditFinding(
            place, "its record \(sequence) is not the one that \(anchor.source) knows", expected: anchor.hash,
            found: own.hash)
    }
}

extension StateDirectory {
    /// What stays of `run` where it was pruned; nil where it was not, or where that is damaged.
    ///
    /// Throws where it has a format that this version does not know.
    public func tombstone(of run: RunID) throws(JournalError) -> Tombstone? {
        let file = "\(path)/\(Tombstone.name(of: run))"
        guard try self.run(run) == nil, let bytes = try Disk.read(file) else { return nil }
        try FormatCheck.require(Tombstone.formats, of: bytes, at: file)
        return SealedJSON.file(Tombstone.self, bytes).content
    }

    /// What stays of all runs that were pruned, oldest first; `runner audit verify` judges them.
    public func tombstones() throws(JournalError) -> [Tombstone] {
        var found: [Tombstone] = []
        for name in try Disk.names(in: "\(path)/\(Tombstone.folder)") where name.hasSuffix(".json") {
            guard let run = RunID(String(name.dropLast(5))), let tombstone = try tombstone(of: run) else { continue }
            found.append(tombstone)
        }
        return found
    }

    /// The name that the directory of a run has while it is removed.
    func grave(_ id: RunID) -> String { "\(path)/runs/.\(id).pruned" }

    /// The run whose directory of this name under runs/ is being removed.
    static func beingPruned(_ name: String) -> RunID? {
        name.hasPrefix(".") && name.hasSuffix(".pruned") ? RunID(String(name.dropFirst().dropLast(7))) : nil
    }
}
