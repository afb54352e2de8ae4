import ClientKit
import Foundation
import Journal

/// Everything in a report about a run except its commands: read in one pass over the log, which
/// keeps only the steps and what belongs to them.
struct ReportFacts {
    /// One attempt of a step.
    struct Step {
        let name: String
        let began: Date
        /// When it ended, or when the last record before a crash was written.
        var ended: Date
        /// How it ended; nil if that is not recorded.
        var result: StepEnding.Result?
        var error: String?
        /// What was changed, or was about to be changed.
        var changes: [RecordedChange] = []
        var reads = 0
        var writes = 0

        /// How it ended, as text.
        var summary: String { result?.rawValue ?? "no end is recorded" }
    }

    /// Something else that a reader should know.
    struct Remark {
        let time: Date
        let record: Int
        let text: String
    }

    private(set) var steps: [Step] = []
    private(set) var openings: [(time: Date, opening: RunOpening)] = []
    private(set) var remarks: [Remark] = []
    private(set) var began: Date?
    private(set) var ended: Date?
    /// Why the rest of the log could not be read.
    private(set) var defect: String?

    /// Reads the log of `run` as far as it goes.
    static func read(_ run: RunReader, isGrowing: Bool) throws -> ReportFacts {
        var facts = ReportFacts()
        let chain = try run.records()
        while true {
            do throws(JournalError) {
                guard let record = try chain.next(isGrowing: isGrowing) else { return facts }
                facts.read(try record.entry())
            } catch {
                guard error.kind == .badInput else { throw error }
                facts.defect = error.cause
                return facts
            }
        }
    }

    private mutating func read(_ entry: AuditEntry) {
        began = began ?? entry.time
        ended = entry.time
        if let last = steps.indices.last, steps[last].result == nil, entry.step == steps[last].name {
            steps[last].ended = entry.time
        }
        switch entry.content {
        case .runStart(let opening), .runResume(let opening): openings.append((entry.time, opening))
        case .stepStart: steps.append(Step(name: entry.step ?? "", began: entry.time, ended: entry.time))
        case .stepCheck(let finding): update(entry) { $0.changes = finding.changes ?? [] }
        case .commandStart(let start):
            update(entry) { if start.effect == .read { $0.reads += 1 } else { $0.writes += 1 } }
        case .stepEnd(let ending):
            update(entry) { step in
                step.result = ending.result
                step.error = ending.error
                if ending.result == .applied { step.changes = ending.changes ?? step.changes }
            }
        case .preflight(let result):
            let absent = result.absent.joined(separator: ", ")
            remark(entry, "preflight passed" + (absent.isEmpty ? "" : "; these nodes do not respond: \(absent)"))
        case .runEnd(let ending):
            let error = ending.error.map { ": \($0)" } ?? ""
            remark(entry, "the run ended: \(ending.result.rawValue), exit status \(ending.exitCode)\(error)")
        default:
            if let text = entry.text { remark(entry, "\(entry.kind.rawValue): \(text)") }
        }
    }

    private mutating func update(_ entry: AuditEntry, _ change: (inout Step) -> Void) {
        guard let last = steps.indices.last, steps[last].name == entry.step else { return }
        change(&steps[last])
    }

    private mutating func remark(_ entry: AuditEntry, _ text: String) {
        remarks.append(Remark(time: entry.time, record: entry.sequence, text: text))
    }
}
