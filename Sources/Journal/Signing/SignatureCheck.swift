import Foundation

/// Compares a log, record by record, with the heads that were signed.
struct SignatureCheck {
    private struct Signed {
        let sequence: Int
        let statement: StoredFile<HeadStatement>
        let bytes: [UInt8]
        let signature: [UInt8]?
        var isInLog = false
    }

    private let run: RunReader
    private let judge: any SignatureJudge
    private var signed: [Int: Signed] = [:]
    /// Why heads were not signed, by the numbers of the records that say so.
    private var refusals: [(record: Int, text: String)] = []
    private var differing: [AuditFinding] = []
    private var count = 0
    /// The last record that is not itself about a signature, and the first one after it.
    private var lastOther = 0
    private var follower: AuditRecord?

    init(_ run: RunReader, _ judge: any SignatureJudge) throws(JournalError) {
        self.run = run
        self.judge = judge
        for (sequence, file) in try run.signedHeads() {
            let bytes = try Disk.read("\(run.path)/\(HeadSigning.statement(sequence))") ?? []
            let signature = try Self.signature(sequence, of: run)
            signed[sequence] = Signed(sequence: sequence, statement: file, bytes: bytes, signature: signature)
        }
    }

    /// Where the run was killed between the two, the statement has its name already and the signature does not.
    private static func signature(_ sequence: Int, of run: RunReader) throws(JournalError) -> [UInt8]? {
        let name = HeadSigning.signature(sequence)
        if let bytes = try Disk.read("\(run.path)/\(name)") { return bytes }
        let temporary = try Disk.names(in: "\(run.path)/\(HeadSigning.folder)", hidden: true)
            .map { "\(HeadSigning.folder)/\($0)" }.first { RunTree.pathToBe(of: $0) == name }
        guard let temporary else { return nil }
        return try Disk.read("\(run.path)/\(temporary)")
    }

    /// Takes the next record.
    mutating func read(_ record: AuditRecord) {
        count = record.number
        if record.kind == .headUnsigned { refusals.append((count, record.content.text("text") ?? "unsigned")) }
        if !record.kind.isOfSignature {
            (lastOther, follower) = (count, nil)
        } else if follower == nil {
            follower = record
        }
        guard let statement = signed[count]?.statement.content else { return }
        if statement.head == record.head {
            signed[count]?.isInLog = true
        } else {
            differing.append(
                AuditFinding(
                    "audit.jsonl", line: count, "signature does not match: another record was signed here",
                    expected: statement.head.hash, found: record.hash))
        }
    }

    /// What is wrong with the records after the last that is signed: one tells of that signature.
    private func uncovered(after signedUpTo: Int) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        if let entry = signed[signedUpTo], let statement = entry.statement.content, let record = follower,
            let problem = LastSignature(
                of: run, over: statement, bytes: entry.bytes, signature: entry.signature ?? [], judge: judge
            ).problem(with: record)
        {
            findings.append(AuditFinding("audit.jsonl", line: record.number, problem))
        }
        if count > signedUpTo + 1 {
            let problem = "no signature covers it, and it does not tell of the last one"
            findings.append(AuditFinding("audit.jsonl", line: signedUpTo + 2, problem))
        }
        return findings
    }

    /// What the signatures prove, once the log was read as far as it goes.
    func result() -> Authenticity {
        var (findings, signers, signedUpTo) = (differing, Set<String>(), 0)
        for entry in signed.values.sorted(by: { $0.sequence < $1.sequence }) {
            let name = HeadSigning.signature(entry.sequence)
            guard let statement = entry.statement.content, statement.run == run.id,
                statement.head.sequence == entry.sequence
            else {
                findings.append(
                    AuditFinding(HeadSigning.statement(entry.sequence), "it is no statement of this run's record"))
                continue
            }
            guard let signature = entry.signature else {
                findings.append(AuditFinding(name, "unsigned: the signature was removed"))
                continue
            }
            if statement.head.sequence > count {
                findings.append(
                    AuditFinding(
                        "audit.jsonl", line: count + 1,
                        "the log was cut or damaged: its record \(entry.sequence) was signed"))
            }
            let text = String(decoding: signature, as: UTF8.self)
            switch judge.judge(text, over: entry.bytes, at: statement.time) {
            case .valid(let signer, let key):
                signers.insert("\(signer), \(key)")
                if entry.isInLog { signedUpTo = max(signedUpTo, entry.sequence) }
            case .unknownSigner(let key, let reason):
                findings.append(AuditFinding(name, "signer unknown: \(key): \(reason)"))
            case .wrong(let why): findings.append(AuditFinding(name, "signature does not match: \(why)"))
            }
        }
        if signedUpTo < lastOther {
            let reason = refusals.last { $0.record > signedUpTo }?.text
            findings.append(
                AuditFinding(
                    "audit.jsonl", line: signedUpTo + 1,
                    "unsigned from here to record \(lastOther)" + (reason.map { "; the log says: \($0)" } ?? "")))
        }
        if signedUpTo >= lastOther { findings += uncovered(after: signedUpTo) }
        let notes = refusals.filter { $0.record <= signedUpTo }
            .map { "record \($0.record) says: \($0.text); a later signature covers it" }
        return Authenticity(
            signers: signers.sorted(), signedUpTo: signedUpTo,
            findings: findings.sorted { ($0.line ?? 0) < ($1.line ?? 0) }, notes: notes)
    }
}

extension RunReader {
    /// The statements that were signed, by the numbers of their records.
    func signedHeads() throws(JournalError) -> [Int: StoredFile<HeadStatement>] {
        var found: [Int: StoredFile<HeadStatement>] = [:]
        for name in try Disk.names(in: "\(path)/\(HeadSigning.folder)") where name.hasSuffix(".json") {
            guard let sequence = Int(name.dropLast(".json".utf8.count)) else { continue }
            found[sequence] = try stored(HeadStatement.self, "\(HeadSigning.folder)/\(name)")
        }
        return found
    }
}
