import ClientKit
import Glibc

/// The tombstones of a state directory: those that count, and what is wrong with others.
///
/// One counts where a line of ``RetentionList`` announced these very bytes, where that list knows the
/// export that it names, and where it is signed. Whose signature it is the caller has judged.
struct Tombstones: Sendable {
    /// A tombstone with what was signed.
    struct Signed: Sendable {
        let content: Tombstone
        let bytes: [UInt8]
        let signature: String
    }

    private(set) var byRun: [RunID: Signed] = [:]
    /// Of runs that are there all the same: a prune was cut off before it removed anything.
    private(set) var early: [RunID: Tombstone] = [:]
    private(set) var findings: [AuditFinding]
    private(set) var notes: [String] = []

    init(in state: StateDirectory) throws(JournalError) {
        let list = try RetentionList(state)
        findings = list.findings
        var found: Set<RunID> = []
        let folder = "\(state.path)/\(Tombstone.folder)"
        let isFolder = try RunTree.isFolder(folder)
        if !isFolder, try Disk.exists(folder) {
            findings.append(AuditFinding(Tombstone.folder, "it is no folder, and a prune makes one"))
        }
        let names = isFolder ? try Disk.names(in: folder, hidden: true) : []
        for name in names where WholeFile.name(ofDraft: name) == nil {
            let stem = name.hasSuffix(".sig") ? String(name.dropLast(4)) : name
            guard stem.hasSuffix(".json"), let run = RunID(String(stem.dropLast(5))) else {
                findings.append(AuditFinding("\(Tombstone.folder)/\(name)", "it is foreign: no prune created it"))
                continue
            }
            if stem == name {
                found.insert(run)
                do throws(JournalError) {
                    try read(run, announcedIn: list, in: state)
                } catch {
                    let file = String(error.path.dropFirst(state.path.count + 1))
                    findings.append(try AuditFinding(foreign: error, file))
                }
            } else if !names.contains(stem), try state.run(run) == nil, list.notices[run] == nil {
                findings.append(AuditFinding("\(Tombstone.folder)/\(name)", "it is foreign: no prune created it"))
            }
        }
        for run in list.notices.keys.sorted() where !found.contains(run) {
            if try state.run(run) == nil {
                let problem = "it was removed: \(RetentionList.name) announces it"
                findings.append(AuditFinding(Tombstone.name(of: run), problem, isGap: true))
            } else {
                notes.append("a prune of run \(run) was cut off before it removed anything: the next prune does it")
            }
        }
    }

    private mutating func read(
        _ run: RunID, announcedIn list: RetentionList, in state: StateDirectory
    ) throws(JournalError) {
        let name = Tombstone.name(of: run)
        let path = "\(state.path)/\(name)"
        guard let bytes = try Disk.read(path) else { return }
        try FormatCheck.require(Tombstone.formats, of: bytes, at: path)
        let content: Tombstone
        switch SealedJSON.file(Tombstone.self, bytes) {
        case .whole(let whole): content = whole
        case .damaged(let why): return findings.append(AuditFinding(name, why))
        case .missing: return
        }
        if content.run != run {
            return findings.append(
                AuditFinding(name, "it is another run's", expected: "\(run)", found: "\(content.run)"))
        }
        // While the run is there, the next prune writes it again.
        if try state.run(run) != nil {
            early[run] = content
            notes.append("a prune of run \(run) was cut off before it removed anything: the next prune does it")
            return
        }
        let digest = SHA256.hash(data: bytes).hex
        guard let notice = list.notices[run], notice.sha256 == digest else {
            return findings.append(
                AuditFinding(
                    name, "it is not the one that \(RetentionList.name) announces",
                    expected: list.notices[run]?.sha256 ?? "none", found: digest))
        }
        guard list.exports[run]?.contains(content.export) == true, content.export.head == content.head else {
            return findings.append(
                AuditFinding(name, "\(RetentionList.name) does not know the export that it names"))
        }
        guard let signature = try Disk.read("\(path).sig"), !signature.isEmpty else {
            return findings.append(AuditFinding(name, "unsigned: its signature was removed", isGap: true))
        }
        byRun[run] = Signed(
            content: content, bytes: bytes, signature: String(decoding: signature, as: UTF8.self))
    }

    /// Takes note of one that was just written.
    mutating func add(_ tombstone: Signed) { byRun[tombstone.content.run] = tombstone }

    /// What is wrong with the signatures, in the opinion of `judge`.
    ///
    /// - Parameter run: The only run to judge the tombstone of; nil for all.
    func judge(_ judge: any SignatureJudge, of run: RunID? = nil) -> [AuditFinding] {
        byRun.values.filter { run == nil || $0.content.run == run }.sorted { $0.content.run < $1.content.run }
            .compactMap { signed in
                let name = "\(Tombstone.name(of: signed.content.run)).sig"
                switch judge.judge(signed.signature, over: signed.bytes, at: signed.content.pruned) {
                case .valid: return nil
                case .unknownSigner(let key, let reason):
                    return AuditFinding(name, "signer unknown: \(key): \(reason)")
                case .wrong(let why): return AuditFinding(name, "signature does not match: \(why)")
                }
            }
    }
}
