import ClientKit
import Foundation
import Glibc

extension RunJournal {
    /// A step begins; activities belong to it until the next begins.
    public func beginStep(_ step: String) throws(JournalError) {
        try checkName(step)
        currentStep = step
        try write(.stepStart, step: step, durable: false)
    }

    /// A step's check answered; durable where changes are about to follow.
    public func recordCheck(of step: String, inPlace: Bool, changes: [RecordedChange] = []) throws(JournalError) {
        let finding = StepFinding(
            result: inPlace ? .inPlace : .drifted, changes: changes.isEmpty ? nil : changes)
        try write(.stepCheck(finding), step: step, durable: !inPlace)
    }

    /// A step did not finish; only the record is written.
    public func failStep(
        _ step: String, result: StepEnding.Result = .failed, error: String
    ) async throws(JournalError) {
        try usingReserve { () throws(JournalError) in
            _ = try write(.stepEnd(StepEnding(result: result, error: error)), step: step, durable: true)
        }
        try await signHead(step: step)
    }

    /// A step is finished: its end record, and then the checkpoint that makes it so.
    ///
    /// The digest of the checkpoint goes into the log before the file has its name, so that a file
    /// the log does not know was not written by a run.
    @discardableResult
    public func finishStep(
        _ step: String, _ completion: StepCompletion, changes: [RecordedChange] = []
    ) async throws(JournalError) -> Checkpoint {
        try checkName(step)
        let ending = StepEnding(
            result: completion == .applied ? .applied : .inPlace, changes: changes.isEmpty ? nil : changes)
        let end = try write(.stepEnd(ending), step: step, durable: false)
        let checkpoint = Checkpoint(
            format: 2, run: id, step: step, completion: completion, time: Date(),
            changes: changes.map { redactor.redact($0.words) }, audit: end)
        let record = blank(.checkpoint, step: step)
        try keep(SealedJSON.file(checkpoint), as: "checkpoints/\(step).json", announcedBy: record)
        try await signHead(step: step, end: end, changes: changes)
        return checkpoint
    }

    /// What a finished step did is no longer in place: its checkpoint is set aside, and the
    /// step is to be done again.
    public func withdrawCheckpoint(of step: String, because reason: String) throws(JournalError) {
        try checkName(step)
        let file = "checkpoints/\(step).json"
        guard let content = try Disk.read("\(path)/\(file)") else { return }
        let aside = String(try Disk.freeName("\(path)/\(file).withdrawn-").dropFirst(path.count + 1))
        var entry = blank(.checkpointWithdrawn(redactor.redact(reason)), step: step)
        entry.files = [FileRecord(aside, content, was: file)]
        try append(entry, durable: true)
        // It keeps the name that the last record takes from it, which no later record may follow.
        try orEndTheRecord { () throws(JournalError) in
            try failpoint("checkpoint.withdraw")
            try disk.setAside("\(path)/\(file)", as: "\(path)/\(aside)")
        }
    }

    /// Keeps something that explains a failure, redacted, as `evidence/<step>/<name>`; returns the
    /// name it got there.
    @discardableResult
    public func saveEvidence(
        _ content: [UInt8], named name: String, of step: String
    ) throws(JournalError) -> String {
        try checkName(step)
        try checkName(name)
        let safe = redactor.redact(cut: content)
        let folder = "\(path)/evidence/\(step)"
        if try disk.makeDirectory(folder) { try disk.syncDirectory("\(path)/evidence") }
        let whole = "\(folder)/\(name)"
        let file = try Disk.exists(whole) ? Disk.freeName("\(whole).") : whole
        try keep(safe, as: String(file.dropFirst(path.count + 1)), announcedBy: blank(.evidence, step: step))
        return String(file.dropFirst(folder.count + 1))
    }

    /// Puts a file of the run into place: on the disk under a temporary name, then announced by
    /// `entry`, then under its own name.
    ///
    /// Wherever that is cut off, a file that was announced is there.
    func keep(
        _ content: [UInt8], as file: String, announcedBy entry: AuditEntry, with others: [FileRecord] = []
    ) throws(JournalError) {
        try failpoint("file.stage")
        let staged = try disk.stage(content, for: "\(path)/\(file)")
        var entry = entry
        entry.files = [FileRecord(file, content)] + others
        try announce([staged]) { () throws(JournalError) in
            try failpoint("file.announce")
            try append(entry, durable: false)
        }
        // What was announced must get its name before any other record, or when the run goes on.
        try orEndTheRecord { () throws(JournalError) in
            try failpoint("file.commit")
            try disk.commit(staged)
        }
        try failpoint("file.committed")
    }

    /// Lets `append` append the record that announces the files, and makes it durable; where it was not appended, removes
    /// them.
    func announce(
        _ staged: [Disk.Staged], by append: () throws(JournalError) -> Void
    ) throws(JournalError) {
        do throws(JournalError) {
            try append()
        } catch {
            // Where a part of the record may be on the disk, the files must be, too.
            if log.takesMore { for file in staged { try disk.remove(file) } }
            throw error
        }
        try sync()
    }

    /// A name that becomes a file's must not lead elsewhere.
    func checkName(_ name: String) throws(JournalError) {
        let isPlain = name.utf8.allSatisfy {
            ASCII.isAlphanumeric($0) || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains($0)
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 200 else {
            throw .badState(
                "make a file in", path, "'\(name)' is not a valid file name",
                remedy: "use letters, digits, '.', '_' and '-' only")
        }
    }
}
