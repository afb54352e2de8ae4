import Glibc

/// What a state directory knows of its runs outside of each run's own directory.
struct StateWitnesses: Sendable {
    private let state: StateDirectory
    private let heads: [RunID: [AuditHead]]
    /// The runs that have directories.
    private var runs: Set<RunID> = []
    private var successors: [RunID: [AuditAnchor]] = [:]
    private var predecessors: [RunID: RunID] = [:]
    private var formats: [RunID: Int] = [:]
    /// The runs whose run.json is their own.
    private var own: [RunID] = []
    private var listFindings: [AuditFinding]
    /// What is wrong with the directory itself, whichever run is asked about.
    let ofAllRuns: [AuditFinding]
    /// The names of folders and files under runs/ that are no run's, and that no run set aside.
    private var foreign: Set<String> = []
    /// The names under runs/ of directories that were set aside.
    private var asides: Set<String> = []
    /// The names under runs/ of directories of runs that never began.
    private var stillborn: Set<String> = []
    /// Runs whose directories are there under another name, since they are being removed.
    private var vanishing: Set<RunID> = []
    /// What stays of runs that were pruned.
    private(set) var tombstones: Tombstones
    /// What each run knows to be wrong with the list of exports and tombstones.
    private var retention: [RunID: AuditFinding] = [:]
    /// What is wrong with the order of the runs, by the run that shows it.
    private var disorder: [RunID: String] = [:]

    init(of state: StateDirectory) throws(JournalError) {
        self.state = state
        (heads, listFindings) = try HeadList.read(state.path)
        ofAllRuns = [try Self.elsewhere(state)].compactMap(\.self)
        listFindings += ofAllRuns
        tombstones = try Tombstones(in: state)
        var lists: [(run: RunID, list: FileRecord)] = []
        for name in try Disk.names(in: "\(state.path)/runs", hidden: true) {
            if StateDirectory.isSetAside(name) {
                asides.insert(name)
            } else if let id = StateDirectory.beingMade(name) {
                let run = RunReader(id: id, path: "\(state.path)/runs/\(name)")
                if try RunRemains(of: run, isKnown: false) == .stillborn {
                    stillborn.insert(name)
                } else {
                    foreign.insert(name)
                }
            } else if let id = StateDirectory.beingPruned(name), tombstones.byRun[id] != nil {
                vanishing.insert(id)
            } else if let id = RunID(name) {
                runs.insert(id)
                if let list = try look(at: state.reader(id)) { lists.append((id, list)) }
            } else {
                foreign.insert(name)
            }
        }
        for signed in tombstones.byRun.values {
            guard let previous = signed.content.previous else { continue }
            let source = Tombstone.name(of: signed.content.run)
            successors[previous.run, default: []].append(AuditAnchor(previous.audit, source: source))
        }
        retention = try RetentionList.findings(lists, in: state)
        disorder = judgeOrder()
    }

    /// Each run follows the one that began before it, whatever its module.
    ///
    /// One that was put in later, from another state directory or another machine, may be signed as it should be: the runs
    /// beside it do not know it.
    private func judgeOrder() -> [RunID: String] {
        var previous = predecessors
        for (run, signed) in tombstones.byRun { previous[run] = signed.content.previous?.run }
        let followed = Set(previous.values)
        let order = (own + tombstones.byRun.keys).sorted()
        var problems: [RunID: String] = [:]
        for (earlier, later) in zip(order, order.dropFirst()) {
            if let other = previous[later], other >= earlier, other < later { continue }
            let other = previous[later].map { "run \($0)" } ?? "no run"
            problems[later] = "it follows \(other), and not run \(earlier) before it: one of them was put in later"
            if followed.contains(earlier) { continue }
            problems[earlier] = "run \(later) after it follows \(other) instead: one of them was put in later"
        }
        return problems
    }

    /// Takes note of a run that was just pruned.
    mutating func bury(_ tombstone: Tombstones.Signed) { tombstones.add(tombstone) }

    /// Looks at a run; returns what it knows of the list of exports and tombstones.
    private mutating func look(at run: RunReader) throws(JournalError) -> FileRecord? {
        let file: StoredFile<RunHeader>
        do throws(JournalError) {
            file = try run.header()
        } catch {
            // The run's own report says so.
            if error.format != nil { return nil }
            throw error
        }
        if let header = file.content {
            formats[run.id] = header.format
            if header.run == run.id { own.append(run.id) }
            if let previous = header.previous {
                predecessors[run.id] = previous.run
                let anchor = AuditAnchor(previous.audit, source: "run.json of run \(run.id)")
                successors[previous.run, default: []].append(anchor)
            }
            return header.retention
        } else if try !Disk.exists("\(run.path)/run.json") {
            switch try RunRemains(of: run, isKnown: heads[run.id] != nil) {
            case .foreign: foreign.insert(run.id.description)
            case .stillborn: stillborn.insert(run.id.description)
            case .damaged: break
            }
        }
        return nil
    }

    private static let cutOff = "is what is left of a run that was cut off before its first record"

    private func isStillborn(aside name: String) throws(JournalError) -> Bool {
        guard let id = RunID(String(name.prefix { $0 != "." })) else { return false }
        let run = RunReader(id: id, path: "\(state.path)/runs/\(name)")
        return try RunRemains(of: run, isKnown: heads[id] != nil) == .stillborn
    }

    /// What others know of the run's log.
    func anchors(of run: RunID) -> [AuditAnchor] {
        (heads[run] ?? []).map { AuditAnchor($0, source: HeadList.name) } + (successors[run] ?? [])
    }

    /// What is wrong with the signature on what stays of the run before `run`, where that was pruned.
    func judgeTombstone(before run: RunID, _ judge: (any SignatureJudge)?) -> [AuditFinding] {
        guard let judge, let previous = predecessors[run] else { return [] }
        return tombstones.judge(judge, of: previous)
    }

    /// Whether the directory called like `run` was there, and is one in which a run has begun.
    func hasBegun(_ run: RunID) -> Bool {
        runs.contains(run) && !foreign.contains(run.description) && !stillborn.contains(run.description)
    }

    /// Whether nothing knows of a record of the run: it was cut off before its first one.
    ///
    /// The next run then knows of its run.json alone.
    func neverBegan(_ run: RunReader) -> Bool {
        formats[run.id] ?? 0 >= 2 && anchors(of: run.id).allSatisfy { $0.sequence == 0 }
    }

    /// What is wrong where the folder of runs is not in its place.
    private static func elsewhere(_ state: StateDirectory) throws(JournalError) -> AuditFinding? {
        let path = "\(state.path)/runs"
        guard try Disk.exists(path), try !RunTree.isFolder(path) else { return nil }
        return AuditFinding("runs", "it is elsewhere: a symbolic link has its name")
    }

    /// A run's second record comes after the list knows its first.
    func findings(on run: RunReader, records: Int) throws(JournalError) -> [AuditFinding] {
        let known = [retention[run.id], disorder[run.id].map { AuditFinding("run.json", $0) }].compactMap(\.self)
        guard records > 1, formats[run.id] ?? 0 >= 2, heads[run.id] == nil else { return known }
        do throws(JournalError) {
            // The run may have begun after the list was read.
            guard try HeadList.heads(of: run.id, in: state.path).isEmpty else { return known }
        } catch {
            // The list has its own finding.
            guard error.isForeign else { throw error }
            return known
        }
        let problem = "it does not know run \(run.id): lines of it were removed"
        return known + [AuditFinding(HeadList.name, problem, isGap: true)]
    }

    /// Compares what stays of a run with what others know of it.
    private func judge(_ tombstone: Tombstone) throws(JournalError) -> [AuditFinding] {
        var findings = anchors(of: tombstone.run).compactMap(tombstone.finding)
        findings += disorder[tombstone.run].map { [AuditFinding(Tombstone.name(of: tombstone.run), $0)] } ?? []
        if let previous = tombstone.previous, try state.run(previous.run) == nil, tombstones.byRun[previous.run] == nil
        {
            let problem = "the run before it, \(previous.run), was removed"
            findings.append(AuditFinding(Tombstone.name(of: tombstone.run), problem, isGap: true))
        }
        return findings
    }

    /// Judges the directory itself.
    ///
    /// - Parameter recorded: The directories that runs set aside, each with the run.
    func judge(
        setAside recorded: [(run: RunID, directory: SetAsideDirectory)]
    ) throws(JournalError) -> (findings: [AuditFinding], notes: [String]) {
        var findings = listFindings + tombstones.findings
        var notes = tombstones.notes
        for signed in tombstones.byRun.values.sorted(by: { $0.content.run < $1.content.run }) {
            findings += try judge(signed.content)
        }
        for run in vanishing.sorted() {
            notes.append("the files of run \(run), which was pruned, are not all removed yet: the next prune does it")
        }
        for run in heads.keys.sorted() where tombstones.byRun[run] == nil {
            guard try state.run(run) == nil else { continue }
            let problem = "the run was removed: \(HeadList.name) knows it"
            findings.append(AuditFinding("runs/\(run)", problem, isGap: true))
        }
        for name in foreign.sorted() {
            findings.append(AuditFinding("runs/\(name)", "it is foreign: no run created it"))
        }
        for name in stillborn.sorted() {
            notes.append("runs/\(name) \(Self.cutOff)")
        }
        for name in asides.sorted() where !recorded.contains(where: { $0.directory.name == name }) {
            // The next run records it, where the one that renamed it was cut off too.
            if try isStillborn(aside: name) {
                notes.append("runs/\(name) \(Self.cutOff)")
            } else {
                findings.append(AuditFinding("runs/\(name)", "it is foreign: no run set it aside"))
            }
        }
        for (run, directory) in recorded {
            let path = "\(state.path)/runs/\(directory.name)"
            let found = try RunTree.isFolder(path) ? DirectoryDigest(of: path) : nil
            if found?.sha256 != directory.sha256 {
                let problem = found == nil ? "it was removed" : "it was edited"
                findings.append(
                    AuditFinding(
                        "runs/\(directory.name)", "\(problem) after run \(run) set it aside",
                        expected: directory.sha256, found: found?.sha256))
            } else if directory.isDamaged {
                findings.append(
                    AuditFinding("runs/\(directory.name)", "run \(run) found it without run.json and set it aside"))
            } else {
                notes.append("runs/\(directory.name) never began; run \(run) set it aside")
            }
        }
        return (findings, notes)
    }
}
