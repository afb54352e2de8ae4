import ClientKit
import Foundation

extension RunJournal {
    /// From now on the head is signed at the end of each step and of the run.
    public func sign(with signer: any HeadSigner) { self.signer = signer }

    /// Has the head signed, and records that it was, or why not.
    ///
    /// The files cannot be announced in the head that they sign: the record after it announces
    /// them, before they get their names.
    ///
    /// - Parameters:
    ///   - step: The step that ended; nil at the end of the run.
    ///   - end: The record of what the step changed.
    ///   - changes: What it changed.
    func signHead(
        step: String?, end: AuditHead? = nil, changes: [RecordedChange] = []
    ) async throws(JournalError) {
        guard let signer else { return }
        let head = log.head
        let (time, elapsed) = (Date(), elapsed)
        let statement = try SealedJSON.file(
            HeadStatement(
                format: 2, run: id, step: step, head: head, bytes: log.size, time: time, elapsed: elapsed))
        let answer: Result<HeadSignature, SigningRefusal>
        do throws(SigningRefusal) {
            answer = .success(try await signer.sign(statement))
        } catch {
            answer = .failure(error)
        }
        switch answer {
        case .failure(let refusal):
            let text = "unsigned: \(refusal.cause); \(refusal.remedy)"
            let content = AuditContent.headUnsigned(HeadRecord(text: text, head: head))
            let entry = blank(content.redacted(by: redactor), step: step)
            try usingReserve { () throws(JournalError) in try appendAboutSignature(entry) }
        case .success(let signature):
            var text = HeadSigning.signed(with: signature.key)
            var files = [
                (HeadSigning.statement(head.sequence), statement),
                (HeadSigning.signature(head.sequence), Array(signature.text.utf8)),
            ]
            if let key = signature.ed25519Key {
                let link = try link(head, statement, step: step, end: end, changes: changes)
                let payload = try InTotoLink.encoded(link)
                var bare: [UInt8]?
                do throws(SigningRefusal) {
                    bare = try await signer.signBare(DSSEEnvelope.signedData(payload))
                } catch {
                    text += HeadSigning.withoutLink + redactor.redact(error.cause)
                }
                if let bare {
                    let envelope = DSSEEnvelope(payload, key: key, signature: bare)
                    let name = HeadSigning.link(link.name, keyID: DSSEEnvelope.keyID(ofEd25519: key))
                    files.append((name, try InTotoLink.encoded(envelope)))
                }
            }
            let record = HeadRecord(text: text, head: head, key: signature.key)
            var entry = blank(.headSigned(record), step: step)
            // No signature covers the record of the last one: what it tells is in the statement as well.
            (entry.time, entry.elapsed) = (time, elapsed)
            try usingReserve { () throws(JournalError) in try keepSignature(files, entry) }
        }
    }

    private func link(
        _ head: AuditHead, _ statement: [UInt8], step: String?, end: AuditHead?, changes: [RecordedChange]
    ) throws(JournalError) -> InTotoLink {
        let earlier = try reader.signedHeads().keys.filter { $0 < head.sequence }.max().map(HeadSigning.statement)
        let begin = earlier ?? "run.json"
        var products = [HeadSigning.statement(head.sequence): ["sha256": SHA256.hash(data: statement).hex]]
        for change in changes {
            let object = redactor.redact(change.object ?? change.words)
            products["object:\(object)"] = ["sha256": end?.hash ?? head.hash]
        }
        return InTotoLink(
            name: HeadSigning.linkName(head.sequence, step: step),
            materials: [begin: ["sha256": try Disk.digest(of: "\(path)/\(begin)") ?? ""]], products: products)
    }

    private func keepSignature(
        _ files: [(name: String, content: [UInt8])], _ entry: AuditEntry
    ) throws(JournalError) {
        if try disk.makeDirectory("\(path)/\(HeadSigning.folder)") { try disk.syncDirectory(path) }
        var entry = entry
        entry.files = files.map { FileRecord($0.name, $0.content) }
        let staged = try disk.stage(files.map { ("\(path)/\($0.name)", $0.content) })
        try announce(staged) { () throws(JournalError) in try log.append(entry) }
        try orEndTheRecord { () throws(JournalError) in
            for file in staged { try disk.commit(file) }
        }
    }

    /// Unlike any other record it may follow the end of the run.
    private func appendAboutSignature(_ entry: AuditEntry) throws(JournalError) {
        try log.append(entry)
        try sync()
    }
}
