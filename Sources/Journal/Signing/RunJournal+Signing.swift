import Foundation

extension RunJournal {
    /// From now on the head is signed at the end of each step and of the run.
    public func sign(with signer: any HeadSigner) { self.signer = signer }

    /// Has the head signed, and records that it was, or why not.
    ///
    /// The files cannot be announced in the head that they sign: the record after it announces
    /// them, before they get their names.
    func signHead(step: String?) async throws(JournalError) {
        guard let signer else { return }
        let head = log.head
        let statement = try SealedJSON.file(
            HeadStatement(format: 1, run: id, step: step, head: head, bytes: log.size, time: Date()))
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
            let record = HeadRecord(text: "signed with \(signature.key)", head: head, key: signature.key)
            let entry = blank(.headSigned(record), step: step)
            let files = [
                (HeadSigning.statement(head.sequence), statement),
                (HeadSigning.signature(head.sequence), Array(signature.text.utf8)),
            ]
            try usingReserve { () throws(JournalError) in try keepSignature(files, entry) }
        }
    }

    private func keepSignature(
        _ files: [(name: String, content: [UInt8])], _ entry: AuditEntry
    ) throws(JournalError) {
        if try disk.makeDirectory("\(path)/\(HeadSigning.folder)") { try disk.syncDirectory(path) }
        var staged: [Disk.Staged] = []
        var entry = entry
        entry.files = files.map { FileRecord($0.name, $0.content) }
        do throws(JournalError) {
            for file in files { staged.append(try disk.stage(file.content, for: "\(path)/\(file.name)")) }
            try appendAboutSignature(entry)
        } catch {
            for file in staged { try disk.remove(file) }
            throw error
        }
        for file in staged { try disk.commit(file) }
    }

    /// Unlike any other record it may follow the end of the run.
    private func appendAboutSignature(_ entry: AuditEntry) throws(JournalError) {
        try log.append(entry)
        try sync()
    }
}
