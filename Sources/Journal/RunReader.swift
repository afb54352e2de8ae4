import ClientKit
public import Foundation
import Glibc

/// The state of a file that is written once.
public enum StoredFile<Content: Sendable>: Sendable {
    /// There is none.
    case missing
    /// It is as it was written.
    case whole(Content)
    /// It was cut or edited, and does not count.
    case damaged(String)

    /// The content, where the file is whole.
    public var content: Content? {
        if case .whole(let content) = self { content } else { nil }
    }
}

/// Reads a run's directory, also while the run is under way; never opens anything for writing.
public struct RunReader: Sendable {
    /// The run.
    public let id: RunID
    /// Its directory.
    public let path: String

    init(id: RunID, path: String) {
        self.id = id
        self.path = path
    }

    /// The content of run.json.
    public func header() throws(JournalError) -> StoredFile<RunHeader> {
        try stored(RunHeader.self, "run.json")
    }

    /// The plan that the run carries out, which run.json names by its digest.
    public func plan<Plan: Decodable & Sendable>(_ type: Plan.Type) throws(JournalError) -> StoredFile<Plan> {
        guard let expected = try header().content?.plan, let bytes = try Disk.read("\(path)/\(Self.planFile)") else {
            return .missing
        }
        guard SHA256.hash(data: bytes).hex == expected else { return .damaged("it is not the one that run.json names") }
        return SealedJSON.file(type, bytes)
    }

    /// How the run ended; missing while it is under way or was cut off.
    public func outcome() throws(JournalError) -> StoredFile<RunOutcome> {
        try stored(RunOutcome.self, "outcome.json")
    }

    /// The outcomes of earlier processes, before `resume` went on; oldest first.
    public func earlierOutcomes() throws(JournalError) -> [StoredFile<RunOutcome>] {
        var outcomes: [StoredFile<RunOutcome>] = []
        while true {
            let next = try stored(RunOutcome.self, Self.earlierOutcome(outcomes.count + 1))
            if case .missing = next { return outcomes }
            outcomes.append(next)
        }
    }

    /// The checkpoint of `step`: the step is finished if and only if it is whole.
    public func checkpoint(of step: String) throws(JournalError) -> StoredFile<Checkpoint> {
        let file = try stored(Checkpoint.self, "checkpoints/\(step).json")
        if case .whole(let content) = file, content.step != step || content.run != id {
            return .damaged("it belongs to step \(content.step) of run \(content.run)")
        }
        return file
    }

    /// The checkpoints of all steps that have a file, by step.
    public func checkpoints() throws(JournalError) -> [String: StoredFile<Checkpoint>] {
        var found: [String: StoredFile<Checkpoint>] = [:]
        for name in try Disk.names(in: "\(path)/checkpoints") where name.hasSuffix(".json") {
            let step = String(name.dropLast(".json".utf8.count))
            found[step] = try checkpoint(of: step)
        }
        return found
    }

    /// The records of the audit log, one by one: what is read throws where the log is not as it was
    /// written.
    public func records() throws(JournalError) -> AuditChain { try AuditChain(self) }

    /// All records of the audit log; throws, naming the line, where the log is not as it was
    /// written.
    public func entries() throws(JournalError) -> [AuditEntry] {
        let chain = try records()
        var entries: [AuditEntry] = []
        while let record = try chain.next() { entries.append(try record.entry()) }
        return entries
    }

    /// Every remote command, statement and request of the run, with its result where one is
    /// recorded.
    public func commands(step: String? = nil) throws(JournalError) -> [RecordedCommand] {
        var commands = try CommandReader(self)
        var all: [RecordedCommand] = []
        while let command = try commands.next() {
            if step == nil || command.step == step { all.append(command) }
        }
        return all
    }

    /// The step that the run is in while it is under way; nil between steps, or where the log does
    /// not tell.
    func stepUnderWay() throws(JournalError) -> String? {
        let chain = try AuditChain(self)
        var step: String?
        do throws(ChainFailure) {
            while let record = try chain.step(isGrowing: true) {
                switch record.kind {
                case .stepStart: step = record.content.text("step")
                case .stepEnd, .runResume, .runEnd: step = nil
                default: break
                }
            }
        } catch {
            if case .system(let error) = error { throw error }
        }
        return step
    }

    /// Whether a process works on the run: then its files grow.
    public func isUnderWay(in state: StateDirectory) throws(JournalError) -> Bool {
        guard case .missing = try outcome() else { return false }
        return try ModuleLock.holder(of: id.module, in: state)?.run == id
    }

    /// Whether the log holds this place; false also where it is damaged before it.
    func chainHolds(_ head: AuditHead) throws(JournalError) -> Bool {
        let chain = try AuditChain(self)
        do throws(ChainFailure) {
            while chain.head.sequence < head.sequence, try chain.step() != nil {}
        } catch {
            if case .system(let error) = error { throw error }
        }
        return chain.head == head
    }

    /// The names that ``transcriptPath(of:)`` has a file for: steps, and labels of observers
    /// outside a step.
    public func transcripts() throws(JournalError) -> [String] {
        try Disk.names(in: "\(path)/steps").filter { $0.hasSuffix(".log") }.map { String($0.dropLast(4)) }
    }

    /// The redacted transcript of a step's remote commands; see ``TranscriptLine`` for its lines.
    public func transcriptPath(of step: String) -> String { "\(path)/steps/\(step).log" }

    /// The transcript of commands outside a step.
    static let outside = "outside"

    /// The copy of the plan that a run carries out.
    static let planFile = "plan.json"

    /// The copy of the inventory that a run began with.
    static let inventoryFile = "inventory.json"

    /// The inventory that the run began with, without secrets; nil where no copy was kept.
    public func inventory() throws(JournalError) -> [UInt8]? { try Disk.read("\(path)/\(Self.inventoryFile)") }

    static func earlierOutcome(_ number: Int) -> String { "outcome.\(number).json" }

    /// Throws where the file has a format that this version does not know.
    func stored<T: Decodable & Sendable & Versioned>(
        _ type: T.Type, _ name: String
    ) throws(JournalError) -> StoredFile<T> {
        let content: [UInt8]?
        do throws(JournalError) {
            content = try Disk.read("\(path)/\(name)")
        } catch {
            guard error.isForeign else { throw error }
            return .damaged(error.cause)
        }
        guard let bytes = content else { return .missing }
        try FormatCheck.require(T.formats, of: bytes, at: "\(path)/\(name)")
        return SealedJSON.file(type, bytes)
    }
}

/// A remote command, statement or request, from its two records.
public struct RecordedCommand: Sendable, Hashable, Codable {
    /// The number of its start record, which the transcript's lines carry.
    public let sequence: Int
    /// When it was about to be sent.
    public let time: Date
    /// The step it belongs to; nil outside a step.
    public let step: String?
    /// What was sent, and where to.
    public let start: CommandStart
    /// What came back; nil where the run was cut off before: the outcome is unknown.
    public internal(set) var end: CommandEnd?
}
