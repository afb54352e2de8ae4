import ClientKit
public import Foundation
import Glibc

/// Removes runs that are old, finished and exported, oldest first, and leaves a tombstone in the
/// place of each.
///
/// The caller holds the locks of all ``modules``, and so knows that nobody works in their runs.
public struct Pruner: Sendable {
    /// A run that is old enough.
    public struct Candidate: Sendable {
        /// The run.
        public let run: RunReader
        /// Why it must stay; nil where it may be pruned.
        public let objection: String?
        /// Whether it stays because it is the newest run, which is nothing to do anything about.
        public let isNewest: Bool
    }

    /// A tombstone that is to be signed.
    public struct Prepared: Sendable {
        /// What it says.
        public let tombstone: Tombstone
        /// The bytes that are to be signed.
        public let statement: [UInt8]
    }

    private struct Facts: Sendable {
        let run: RunReader
        let ended: Date
        let result: RunResult?
        /// Why nothing is known of it.
        var unreadable: String?
    }

    private let state: StateDirectory
    private let steps: [String: StepNames]
    private let limit: Date
    private let list: RetentionList
    private let newest: RunID?
    private var verifier: AuditVerifier
    private var rest: ArraySlice<Facts>
    /// The first run of each module that stays and did not succeed.
    private var open: [String: RunID] = [:]

    /// The modules that have runs which are old enough, or whose files are not all removed yet.
    public let modules: Set<String>

    /// Looks at all runs of `state`.
    ///
    /// - Parameters:
    ///   - state: The state directory with the runs.
    ///   - limit: Runs that ended before are old enough.
    ///   - steps: The steps of each module.
    public init(
        _ state: StateDirectory, endedBefore limit: Date, steps: [String: StepNames]
    ) throws(JournalError) {
        (self.state, self.limit, self.steps) = (state, limit, steps)
        list = try RetentionList(state)
        newest = try state.newestRun()?.id
        verifier = try AuditVerifier(state)
        let all = try state.runs().reversed().map(Self.facts)
        rest = all[...]
        let unfinished = try Disk.names(in: "\(state.path)/runs", hidden: true)
            .compactMap { StateDirectory.beingPruned($0) }
        modules = Set((all.filter { $0.ended < limit }.map(\.run.id) + unfinished).map(\.module))
    }

    private static func facts(of run: RunReader) throws(JournalError) -> Facts {
        do throws(JournalError) {
            let (header, outcome) = (try run.header().content, try run.outcome().content)
            guard let header else {
                return Facts(
                    run: run, ended: .distantPast, result: nil, unreadable: "its run.json is missing or edited")
            }
            return Facts(run: run, ended: outcome?.ended ?? header.started, result: outcome?.result)
        } catch {
            guard error.format != nil else { throw error }
            return Facts(run: run, ended: .distantPast, result: nil, unreadable: error.cause)
        }
    }

    /// The next run that is old enough; nil where there is no more.
    public mutating func next() throws(JournalError) -> Candidate? {
        while let facts = rest.popFirst() {
            let isOld = facts.ended < limit
            let objection = try isOld ? self.objection(to: facts) : nil
            if !isOld || objection != nil, try isOpen(facts) {
                let module = facts.run.id.module
                open[module] = open[module] ?? facts.run.id
            }
            if isOld {
                return Candidate(run: facts.run, objection: objection, isNewest: facts.run.id == newest)
            }
        }
        return nil
    }

    /// Whether there may be something in the run to go on with.
    private func isOpen(_ facts: Facts) throws(JournalError) -> Bool {
        switch facts.result {
        case .succeeded, .unlocked: false
        case .refused: try facts.run.hasBegunAStep()
        case nil, .failed, .interrupted: true
        }
    }

    private func objection(to facts: Facts) throws(JournalError) -> String? {
        let run = facts.run
        if run.id == newest { return "it is the newest run" }
        if let unreadable = facts.unreadable { return unreadable }
        // What a link leads to is not removed: it is outside of the state directory.
        guard try RunTree.isFolder(run.path) else { return "its directory is elsewhere: \(run.path) is a link" }
        let isOpen = try isOpen(facts)
        let later = try isOpen ? state.successes(since: run, of: steps[run.id.module] ?? StepNames()) : []
        if facts.result == nil {
            let settling = later.first.map { "run \($0) has finished its steps since, and it stays as it is" }
            return "it has no end: \(settling ?? "`runner resume` goes on with it")"
        }
        if isOpen, later.isEmpty { return "it is unfinished, and no later run has finished all of its steps" }
        if facts.result == .succeeded, let earlier = open[run.id.module] {
            return "run \(earlier), which it may settle, is still there"
        }
        guard let exports = list.exports[run.id] else {
            return "it was not exported: `runner audit export \(run.id)`"
        }
        let digest = try run.filesDigest()
        guard exports.contains(where: { $0.files == digest }) else {
            return "its files have changed since it was exported: `runner audit export \(run.id)`"
        }
        let report = try verifier.verify(run)
        return report.findings.first.map { "it is not intact: \($0)" }
    }

    /// What is to be signed before `run` is pruned.
    public func prepare(_ run: RunReader, who: Origin = .current()) throws(JournalError) -> Prepared {
        let digest = try run.filesDigest()
        guard let outcome = try run.outcome().content,
            let export = list.exports[run.id]?.last(where: { $0.files == digest })
        else { throw .defect("prune", run.path, "it is no candidate") }
        let account = try self.account(of: run)
        var facts = (files: 0, bytes: 0)
        for file in try RunTree(run.path).files {
            facts.files += 1
            facts.bytes += try Descriptor("\(run.path)/\(file)", O_RDONLY).size()
        }
        let tombstone = Tombstone(
            format: 1, run: run.id, head: account.head, records: account.head.sequence, files: facts.files,
            bytes: facts.bytes, result: outcome.result, ended: outcome.ended, pruned: Date(), who: who, export: export,
            heads: account.heads, previous: try run.header().content?.previous,
            setAside: account.asides.isEmpty ? nil : account.asides)
        return Prepared(tombstone: tombstone, statement: try SealedJSON.file(tombstone))
    }

    private func account(
        of run: RunReader
    ) throws(JournalError) -> (head: AuditHead, heads: [AuditHead], asides: [SetAsideDirectory]) {
        let chain = try AuditChain(run)
        let anchors = try AuditAnchor.own(of: run) + verifier.witnesses.anchors(of: run.id)
        var wanted = Set(anchors.compactMap(\.sequence))
        var heads = [chain.head]
        var asides: [SetAsideDirectory] = []
        while let record = try chain.next() {
            heads.append(record.head)
            guard [.headWitnessed, .setAside].contains(record.kind) else { continue }
            switch try record.entry().content {
            case .headWitnessed(let witnessed): wanted.insert(witnessed.head.sequence)
            case .setAside(let directory): asides.append(directory)
            default: break
            }
        }
        wanted.formUnion([0, chain.head.sequence])
        return (chain.head, heads.filter { wanted.contains($0.sequence) }, asides)
    }

    /// Puts the tombstone in the place of its run.
    ///
    /// The tombstone is on the disk before anything is removed; where this is cut off afterwards,
    /// ``finishEarlier()`` removes the rest.
    public mutating func bury(_ prepared: Prepared, signature: String) throws(JournalError) {
        let run = state.reader(prepared.tombstone.run)
        let file = "\(state.path)/\(Tombstone.name(of: run.id))"
        let digest = SHA256.hash(data: prepared.statement).hex
        try failpoint("prune.list")
        try list.append(.init(tombstone: .init(run: run.id, sha256: digest)))
        try failpoint("prune.listed")
        if try state.disk.makeDirectory("\(state.path)/\(Tombstone.folder)") {
            try state.disk.syncDirectory(state.path)
        }
        try WholeFile.put(Array(signature.utf8), at: "\(file).sig")
        try failpoint("prune.bury")
        try WholeFile.put(prepared.statement, at: file)
        try failpoint("prune.set-aside")
        try state.disk.setAside(run.path, as: state.grave(run.id))
        try failpoint("prune.remove")
        try remove(run.id)
        verifier.witnesses.bury(
            .init(content: prepared.tombstone, bytes: prepared.statement, signature: signature))
    }

    /// Removes what is left of runs whose tombstones are there, and whose removal was cut off.
    public func finishEarlier() throws(JournalError) -> [RunID] {
        let runs = try Disk.names(in: "\(state.path)/runs", hidden: true)
            .compactMap { StateDirectory.beingPruned($0) }.filter { verifier.witnesses.tombstones.byRun[$0] != nil }
        for run in runs { try remove(run) }
        return runs
    }

    private func remove(_ run: RunID) throws(JournalError) {
        let path = state.grave(run)
        let tree = try RunTree(path)
        for file in tree.files.union(tree.others).sorted() {
            guard unlink("\(path)/\(file)") == 0 else { throw .system("remove", "\(path)/\(file)", errno) }
        }
        // What is in a folder comes after it.
        for folder in tree.folders.sorted(by: >) {
            guard rmdir("\(path)/\(folder)") == 0 else { throw .system("remove", "\(path)/\(folder)", errno) }
        }
        try failpoint("prune.empty")
        guard rmdir(path) == 0 else { throw .system("remove", path, errno) }
        try failpoint("prune.removed")
        try state.disk.syncDirectory("\(state.path)/runs")
    }
}
