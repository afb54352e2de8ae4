import ClientKit
import Foundation
import Glibc

extension RunJournal {
    /// A step begins; activities belong to it until the next begins.
    public func beginStep(_ step: String) throws(JournalError) {
        try checkName(step)
        currentStep = step
        try record(.stepStart, step: step)
    }

    /// A step's check answered; durable where changes are about to follow.
    public func recordCheck(of step: String, inPlace: Bool, changes: [String] = []) throws(JournalError) {
        try write(
            .stepCheck, step: step, result: inPlace ? "in place" : "drifted", changes: changes.isEmpty ? nil : changes,
            durable: !inPlace)
    }

    /// A step did not come to its end; nothing is written but the record.
    public func failStep(_ step: String, result: String = "failed", error: String) throws(JournalError) {
        try usingReserve { () throws(JournalError) in
            _ = try record(.stepEnd, step: step, text: error, result: result, durable: true)
        }
    }

    /// A step is finished: its end record, and then the checkpoint that makes it so.
    ///
    /// The digest of the checkpoint goes into the log before the file exists, so that a file the log does not know was not
    /// written by a run.
    @discardableResult
    public func finishStep(
        _ step: String, _ completion: StepCompletion, changes: [String] = []
    ) throws(JournalError) -> Checkpoint {
        try checkName(step)
        let changes = changes.map(redactor.redact)
        let end = try write(
            .stepEnd, step: step, result: completion.rawValue, changes: changes.isEmpty ? nil : changes, durable: false)
        let checkpoint = Checkpoint(
            format: 1, run: id, step: step, completion: completion, time: Date(), changes: changes, audit: end)
        let bytes = try SealedJSON.file(checkpoint)
        try write(.checkpoint, step: step, facts: ["sha256": SHA256.hash(data: bytes).hex], durable: true)
        try disk.writeWhole(bytes, to: "\(path)/checkpoints/\(step).json")
        return checkpoint
    }

    /// A finished step turned out not to be in place any more: its checkpoint is set aside, and the step is to be done again.
    public func withdrawCheckpoint(of step: String, because reason: String) throws(JournalError) {
        try checkName(step)
        let file = "\(path)/checkpoints/\(step).json"
        guard access(file, F_OK) == 0 else { return }
        try record(.checkpointWithdrawn, step: step, text: reason, durable: true)
        try disk.setAside(file, as: Disk.freeName("\(file).withdrawn-"))
    }

    /// Keeps something that explains a failure, redacted, as `evidence/<step>/<name>`; returns the name it got there.
    @discardableResult
    public func saveEvidence(
        _ content: [UInt8], named name: String, of step: String
    ) throws(JournalError) -> String {
        try checkName(step)
        try checkName(name)
        let safe = redactor.redact(content)
        let folder = "\(path)/evidence/\(step)"
        if try disk.makeDirectory(folder) { try disk.syncDirectory("\(path)/evidence") }
        let file = access("\(folder)/\(name)", F_OK) == 0 ? Disk.freeName("\(folder)/\(name).") : "\(folder)/\(name)"
        try write(
            .evidence, step: step,
            facts: ["file": String(file.dropFirst(path.count + 1)), "sha256": SHA256.hash(data: safe).hex],
            durable: true)
        try disk.writeWhole(safe, to: file)
        return String(file.dropFirst(folder.count + 1))
    }

    /// A name that becomes a file's must not lead elsewhere.
    func checkName(_ name: String) throws(JournalError) {
        let isPlain = name.utf8.allSatisfy {
            EscapeReading.isAlphanumeric($0) || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains($0)
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 200 else {
            throw .badState(
                "make a file in", path, "'\(name)' cannot be the name of one",
                remedy: "use letters, digits, '.', '_' and '-' only")
        }
    }
}
