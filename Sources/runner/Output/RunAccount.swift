import ClientKit
import Foundation
import Journal

/// Describes a run for people, record by record; it remembers only the commands that have no result
/// yet.
struct RunAccount {
    /// Whether commands that only read are shown too, and the exact arguments of all.
    let showsCommands: Bool
    private var open: [Int: (entry: AuditEntry, start: CommandStart)] = [:]
    private var announced: [RecordedChange] = []
    private var reads = 0

    init(showsCommands: Bool) {
        self.showsCommands = showsCommands
    }

    /// The lines that `entry` adds.
    mutating func lines(_ entry: AuditEntry) -> [TerminalText] {
        let step = entry.step ?? "outside a step"
        func line(_ text: String) -> [TerminalText] { ["\(Self.clock(entry.time))  \(text.visibleOnOneLine)"] }
        switch entry.content {
        case .runStart(let opening): return line("\(opening.who.summary) started the run") + Self.lines(opening, entry)
        case .runResume(let opening):
            return line("\(opening.who.summary) resumed the run") + Self.lines(opening, entry)
        case .runEnd(let ending):
            let error = ending.error.map { ": \($0)" } ?? ""
            return line("the run ended: \(ending.result.rawValue), exit status \(ending.exitCode)\(error)")
        case .preflight(let result):
            let absent =
                result.absent.isEmpty ? "" : "; these nodes do not respond: \(result.absent.joined(separator: ", "))"
            return line("preflight passed\(absent)")
        case .planComparison: return line("nothing has changed since the plan")
        case .lockObserved(let sighting): return line(sighting.text)
        case .lockTaken: return line("the module's Lease was acquired")
        case .lockReleased: return line("the module's Lease was released")
        case .lockBroken(let holder), .lockTakeover(let holder): return line("lock: \(holder.text)")
        case .stepStart:
            reads = 0
            return line(step)
        case .stepCheck(let finding):
            announced = finding.changes ?? []
            return line("\(step): \(finding.result.rawValue)") + Self.lines(announced, as: "to do")
        case .stepEnd(let ending): return line(ended(step, ending)) + ended(ending)
        case .commandStart(let start):
            open[entry.sequence] = (entry, start)
            return []
        case .commandEnd(let end):
            guard let (begun, start) = open.removeValue(forKey: end.start) else { return [] }
            return lines(begun, start, end)
        case .checkpoint: return []
        case .checkpointWithdrawn(let why): return line("\(step): no longer in place, to be done again: \(why)")
        case .evidence: return line("evidence: \((entry.files ?? []).map(\.path).joined(separator: ", "))")
        case .warning(let text): return line("warning: \(text)")
        case .note(let text): return line("note: \(text)")
        case .tornTail(let tail): return line("crash: \(tail.text)")
        case .damage(let text): return line("damage: \(text)")
        case .setAside(let directory): return line("damage: \(directory.text)")
        case .headSigned(let head): return line("signed: \(head.text)")
        case .headUnsigned(let head): return line("warning: the log's head is not signed: \(head.text)")
        case .headWitnessed(let record): return line(record.text)
        case .other(let kind):
            return line("record \(entry.sequence) is a \(kind.rawValue), which this version cannot show")
        }
    }

    /// The commands whose results are not recorded.
    mutating func rest(isUnderWay: Bool) -> [TerminalText] {
        defer { open = [:] }
        return open.values.sorted { $0.entry.sequence < $1.entry.sequence }.flatMap { entry, start in
            lines(
                entry, start, nil, missing: isUnderWay ? "running" : "no result is recorded: the outcome is unknown")
        }
    }

    private static func lines(_ opening: RunOpening, _ entry: AuditEntry) -> [TerminalText] {
        let clock = opening.clock.map {
            $0.isSynchronized ? "synchronised, within \($0.largestErrorMilliseconds) ms" : "NOT synchronised"
        }
        let facts: [(name: String, value: String?)] = [
            ("date", entry.time.formatted(.iso8601)), ("from", opening.who.sshConnection), ("ticket", opening.ticket),
            ("reason", opening.reason), ("clock", clock), ("plan", opening.plan.map { "sha256 \($0)" }),
        ]
        return facts.compactMap { name, value in value.map { "          \(name): \($0.visibleOnOneLine)" } }
    }

    private static func lines(_ changes: [RecordedChange], as word: String) -> [TerminalText] {
        changes.map { "          \(word): \($0.words.visibleOnOneLine)" }
    }

    private func ended(_ step: String, _ ending: StepEnding) -> String {
        switch ending.result {
        case .inPlace: "\(step): finished, nothing to change"
        case .applied: "\(step): applied and verified"
        case .failed: "\(step): FAILED: \(ending.error ?? "")"
        case .interrupted: "\(step): interrupted: \(ending.error ?? "")"
        }
    }

    private mutating func ended(_ ending: StepEnding) -> [TerminalText] {
        defer { (announced, reads) = ([], 0) }
        let unread: [TerminalText] = reads > 0 ? ["          and \(reads) commands that only read, see --commands"] : []
        return Self.lines(ending.changes ?? [], as: "changed") + unread
    }

    private mutating func lines(
        _ entry: AuditEntry, _ start: CommandStart, _ end: CommandEnd?, missing: String = ""
    ) -> [TerminalText] {
        let isConclusive = end.map { $0.outcome == "exited" } ?? false
        if start.effect == .read, isConclusive, !showsCommands {
            reads += 1
            return []
        }
        let purpose = start.purpose ?? start.command.first ?? "nothing"
        let result = end.map { "\($0.outcome) \($0.value), \($0.durationMilliseconds) ms" } ?? missing
        let login = [start.user.map { "as \($0)" }, start.database.map { "database \($0)" }].compactMap(\.self)
        let facts = ([start.host] + login + [start.effect == .change ? "may change" : "only reads", result])
            .joined(separator: ", ")
        let line: TerminalText = "\(Self.clock(entry.time))    \("\(purpose) (\(facts))".visibleOnOneLine)"
        guard showsCommands else { return [line] }
        return [line, "            $ \(start.command.joined(separator: " ").visibleOnOneLine)"]
    }

    private static func clock(_ time: Date) -> String {
        time.formatted(Date.ISO8601FormatStyle().time(includingFractionalSeconds: false))
    }
}

extension Origin {
    /// `alice as root on install-01`.
    var summary: String { "\(login) as \(user) on \(machine)" }
}
