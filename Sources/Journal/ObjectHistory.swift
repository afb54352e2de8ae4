public import Foundation

/// One change of an object, as the logs tell it.
public struct ObjectChange: Sendable, Hashable, Encodable {
    /// The outcome.
    public enum Result: String, Sendable, Encodable {
        /// It was made, and verified.
        case applied
        /// Its step failed: it may have been made, and nothing proved it.
        case failed
        /// Its step was interrupted: it may have been made.
        case interrupted
        /// The run was cut off: it may have been made.
        case cutOff = "cut off"
        /// A run is about to make it.
        case underWay = "under way"
    }

    /// The run.
    public let run: RunID
    /// The number of its record.
    public let record: Int
    /// When.
    public let time: Date
    /// The step that it belongs to.
    public let step: String?
    /// Who ran it, and from where, by the record that opened the run.
    public let who: Origin?
    /// The ticket that was given then.
    public let ticket: String?
    /// The reason that was given then.
    public let reason: String?
    /// The outcome.
    public let result: Result
    /// Why its step failed.
    public let error: String?
    /// What was changed.
    public let change: RecordedChange
}

/// Finds every change of an object in the log of a run, holding no more than one step's changes.
public struct ObjectHistory {
    private let object: ObjectName
    private let run: RunReader
    private let chain: AuditChain
    private let isGrowing: Bool
    private var opening: RunOpening?
    /// What a check found, whose step has not ended.
    private var announced: (entry: AuditEntry, changes: [RecordedChange])?
    private var found: ArraySlice<ObjectChange> = []
    private var hasEnded = false
    /// What ended the reading, told after what had begun before it.
    private var defect: JournalError?

    /// Begins with the first record of `run`; `isGrowing` where it is under way.
    public init(of object: ObjectName, in run: RunReader, isGrowing: Bool) throws(JournalError) {
        self.object = object
        self.run = run
        self.isGrowing = isGrowing
        chain = try run.records()
    }

    /// The next change; nil where there is no more.
    ///
    /// Throws where the log is damaged or cannot be read, and from then on.
    public mutating func next() throws(JournalError) -> ObjectChange? {
        while found.isEmpty, !hasEnded {
            if let defect { throw defect }
            do throws(JournalError) {
                guard let record = try chain.next(isGrowing: isGrowing) else {
                    hasEnded = true
                    settle(isGrowing ? .underWay : .cutOff)
                    break
                }
                try read(record)
            } catch {
                defect = error
                // A change that had begun where the log stops being readable comes before the defect.
                settle(.cutOff)
            }
        }
        return found.popFirst()
    }

    private mutating func read(_ record: AuditRecord) throws(JournalError) {
        guard [.runStart, .runResume, .stepCheck, .stepEnd].contains(record.kind) else { return }
        let entry = try record.entry()
        switch entry.content {
        case .runStart(let opening), .runResume(let opening):
            settle(.cutOff)
            self.opening = opening
        case .stepCheck(let finding):
            let changes = (finding.changes ?? []).filter(object.isChanged)
            announced = changes.isEmpty ? nil : (entry, changes)
        case .stepEnd(let ending):
            switch ending.result {
            case .applied:
                announced = nil
                tell((ending.changes ?? []).filter(object.isChanged), entry, .applied)
            case .failed: settle(.failed, because: ending.error)
            case .interrupted: settle(.interrupted, because: ending.error)
            case .inPlace: announced = nil
            }
        default: break
        }
    }

    private mutating func settle(_ result: ObjectChange.Result, because error: String? = nil) {
        guard let (entry, changes) = announced else { return }
        announced = nil
        tell(changes, entry, result, because: error)
    }

    private mutating func tell(
        _ changes: [RecordedChange], _ entry: AuditEntry, _ result: ObjectChange.Result, because error: String? = nil
    ) {
        found = ArraySlice(
            changes.map { change in
                ObjectChange(
                    run: run.id, record: entry.sequence, time: entry.time, step: entry.step, who: opening?.who,
                    ticket: opening?.ticket, reason: opening?.reason, result: result, error: error, change: change)
            })
    }
}
