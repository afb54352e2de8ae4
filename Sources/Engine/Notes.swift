import Journal
import StepKit
import ClientKit

/// What steps say during a run: shown as it comes, recorded in that order, and each warning and note
/// once.
final class Notes: Sendable {
    private let journal: RunJournal
    private let events: @Sendable (EngineEvent) -> Void
    private let warned = Once<Reporter.Warning.Subject>()
    private let texts: Locked<[String]>
    private let records = InOrder()

    /// Begins with the notes of an earlier process of the run.
    init(
        journal: RunJournal, earlier: [String] = [], events: @escaping @Sendable (EngineEvent) -> Void
    ) {
        self.journal = journal
        self.events = events
        texts = Locked(earlier)
    }

    /// All notes so far.
    var all: [String] { texts.withLock { $0 } }

    /// Takes what `step` says, or what is said outside any step.
    func reporter(of step: StepID? = nil) -> Reporter {
        Reporter { [events] progress in
            if let step { events(.stepProgress(step, progress)) }
        } warning: { [self] warning in
            guard isNew(warning.subject) else { return }
            events(.warning(warning.text))
            record(.warning(warning.text), of: step)
        } note: { [self] text in
            let isNew = texts.withLock { texts in
                if texts.contains(text) { return false }
                texts.append(text)
                return true
            }
            if isNew { record(.note(text), of: step) }
        }
    }

    /// Whether `subject` has not been warned about yet.
    func isNew(_ subject: Reporter.Warning.Subject) -> Bool { warned.isNew(subject) }

    /// Waits until all that was said so far is recorded.
    func allRecorded() async { await records.allDone() }

    private func record(_ content: AuditContent, of step: StepID?) {
        records.add { [journal, events] in
            do {
                try await journal.record(content, step: step?.rawValue)
            } catch {
                events(.warning("the \(content.kind.rawValue) could not be recorded: \(error)"))
            }
        }
    }
}
