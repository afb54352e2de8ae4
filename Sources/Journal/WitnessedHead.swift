/// A head of a run's log as a witness outside this machine's disk has it.
public struct WitnessedHead: Sendable, Hashable {
    /// Who has it, for people: `k8s-master-02:/var/log/keybuzz-runner.heads`.
    public let witness: String
    /// The run.
    public let run: RunID
    /// The head.
    public let head: AuditHead
    /// The state directory that it came from, as ``StateDirectory/label`` names it; nil where the
    /// witness does not know.
    public let origin: String?

    /// Takes what a witness knows; nil where that is no head of a run.
    public init?(witness: String, run: String, head: String, origin: String? = nil) {
        guard let run = RunID(run), let head = AuditHead(head) else { return nil }
        (self.witness, self.run, self.head, self.origin) = (witness, run, head, origin)
    }

    /// What the run's log must hold.
    public var anchor: AuditAnchor { AuditAnchor(head, source: witness) }
}

extension StateDirectory {
    /// The directory and its machine as one word, for witnesses that serve several of them.
    public var label: String {
        let text = "\(Origin.current().machine):\(path)".utf8.map { byte in
            ASCII.isAlphanumeric(byte) || "./:_-".utf8.contains(byte) ? byte : UInt8(ascii: "_")
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// What witnesses know of runs that are not here and were not pruned.
    func judge(_ heads: [WitnessedHead]) throws(JournalError) -> (findings: [AuditFinding], notes: [String]) {
        var absent: [WitnessedHead] = []
        for head in heads {
            if try run(head.run) == nil { absent.append(head) }
        }
        return (missing(absent), elsewhere(absent))
    }

    /// What is missing of those that are not here: the runs that witnesses know from here.
    private func missing(_ heads: [WitnessedHead]) -> [AuditFinding] {
        var witnesses: [RunID: [String]] = [:]
        for head in heads where head.origin == label {
            if witnesses[head.run]?.contains(head.witness) != true {
                witnesses[head.run, default: []].append(head.witness)
            }
        }
        return witnesses.sorted { $0.key < $1.key }.map { run, names in
            let problem = "the run was removed: \(names.joined(separator: " and ")) knows it"
            return AuditFinding("runs/\(run)", problem, isGap: true)
        }
    }

    /// What witnesses know of those that are not here and come from elsewhere, in words.
    ///
    /// Elsewhere is also where this directory was before it was copied, or its machine got another name.
    private func elsewhere(_ heads: [WitnessedHead]) -> [String] {
        var runs: [[String]: Set<RunID>] = [:]
        for head in heads where head.origin != label {
            runs[[head.witness, head.origin ?? ""], default: []].insert(head.run)
        }
        return runs.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, runs in
            let (witness, origin) = (key[0], key[1].isEmpty ? "an unnamed state directory" : key[1])
            let what = runs.count == 1 ? "run \(runs.first.map { "\($0)" } ?? "")" : "\(runs.count) runs"
            return "\(witness) knows \(what) of \(origin), not in this one: removed, if this one comes from there"
        }
    }
}

extension RunJournal {
    /// Whether the log of `run` holds `head`; nil where that run is not in this state directory.
    public func holds(_ head: AuditHead, of run: RunID) throws(JournalError) -> Bool? {
        guard let reader = try state.run(run) else { return nil }
        return try reader.chainHolds(head)
    }
}
