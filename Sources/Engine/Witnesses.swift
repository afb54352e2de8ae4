import ClientKit
import Journal
import StepKit

/// Sends the audit log's head to places outside this machine's disk, and records what they answer.
///
/// Nothing that a witness says stops a run: what was done is done, and the record tells.
final class Witnesses: Sendable {
    private let journal: RunJournal
    private let events: @Sendable (EngineEvent) -> Void
    private let syslog: Syslog?
    /// The head that each witness has last of this run.
    private let kept = Locked<[String: AuditHead]>([:])
    private let told = Once<String>()

    init(journal: RunJournal, syslog: Syslog?, events: @escaping @Sendable (EngineEvent) -> Void) {
        (self.journal, self.syslog, self.events) = (journal, syslog, events)
    }

    /// Sends the head to all witnesses of `site`, and to syslog.
    func keepHead(on site: any OpenSite) async throws {
        let witnesses = await site.witnesses()
        guard !witnesses.isEmpty || syslog != nil else { return }
        // A witness must never know of a record that a crash of this machine can undo.
        let head = try await journal.durableHead()
        var testimonies = await ask(witnesses, to: head)
        if let syslog {
            let reason = syslog.send(head, of: journal.id, origin: journal.state.label)
            testimonies.append(
                HeadTestimony(
                    witness: "syslog", reason == nil ? .kept : .failed, head: reason == nil ? head : nil,
                    reason: reason))
        }
        guard !testimonies.isEmpty, !Task.isCancelled else { return }
        for testimony in testimonies { tell(testimony) }
        try await journal.record(.headWitnessed(WitnessRecord(head, testimonies)))
    }

    /// Sends the head that the run ends with to syslog, the one witness that is left then.
    func keepLastHead() async {
        guard let syslog else { return }
        let head = await journal.head
        // No record can follow; that a machine has no syslog is recorded where heads were sent before.
        _ = syslog.send(head, of: journal.id, origin: journal.state.label)
    }

    /// Records what the Lease knew of the run that had it before, compared with what is here.
    func recordKnown(run: String, head: String?) async throws {
        let testimony: HeadTestimony
        if let head, let id = RunID(run), let known = AuditHead(head) {
            let isHeld = try await journal.holds(known, of: id)
            testimony = HeadTestimony(
                witness: HeadTestimony.lease, isHeld == false ? .differs : .known, run: run, head: known,
                reason: isHeld == nil ? "that run is not in this state directory" : nil)
        } else if head == nil, RunID(run) != nil {
            // A run that was cut off before its first renewal.
            testimony = HeadTestimony(witness: HeadTestimony.lease, .known, run: run)
        } else {
            testimony = HeadTestimony(
                witness: HeadTestimony.lease, .failed,
                reason: "it has run \"\(run)\" and record \"\(head ?? "")\", which is none")
        }
        // It is about the run before: the Lease is a witness of this one all the same.
        if testimony.result == .failed {
            events(.warning("\(testimony.summary); what it knew of the run before is not compared"))
        } else {
            tell(testimony)
        }
        try await journal.record(.headWitnessed(WitnessRecord(await journal.head, [testimony])))
    }

    private func ask(_ witnesses: [any HeadWitness], to head: AuditHead) async -> [HeadTestimony] {
        let answers = await withTaskGroup(of: (Int, HeadTestimony).self) { group in
            for (index, witness) in witnesses.enumerated() {
                group.addTask { [self] in (index, await testimony(of: witness, to: head)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        return answers.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func testimony(of witness: any HeadWitness, to head: AuditHead) async -> HeadTestimony {
        let follows = kept.withLock { $0[witness.name] }
        do {
            var line = HeadLine(
                run: journal.id.description, head: head.description, follows: follows?.description,
                origin: journal.state.label)
            var answer = try await witness.keep(line)
            var disputed: HeadTestimony?
            if case .refused(let place, let has) = answer {
                let theirs = has.flatMap(AuditHead.init)
                let isOurs = if let theirs { try await journal.holds(theirs, of: journal.id) ?? false } else { false }
                if !isOurs {
                    let expected = follows.map { "it kept record \($0) before" } ?? "nothing was sent to it"
                    disputed = HeadTestimony(witness: place, .refused, head: theirs, reason: expected)
                }
                // An earlier process of this run sent it; or it was removed there, and begins again.
                if isOurs || has == nil {
                    line.follows = has
                    answer = try await witness.keep(line)
                }
            }
            if case .kept(let place) = answer {
                kept.withLock { $0[witness.name] = head }
                return disputed ?? HeadTestimony(witness: place, .kept, head: head)
            }
            return disputed ?? HeadTestimony(witness: witness.name, .refused)
        } catch {
            let cause = (error as? any ExplainedError)?.cause ?? "\(error)"
            return HeadTestimony(witness: witness.name, .failed, reason: cause)
        }
    }

    private func tell(_ testimony: HeadTestimony) {
        switch testimony.result {
        case .kept, .known: return
        case .failed where testimony.witness == "syslog": return
        case .failed:
            guard told.isNew(testimony.witness) else { return }
            events(.warning("\(testimony.summary); the run's record has no witness there"))
        case .refused, .differs:
            events(
                .warning(
                    "\(testimony.summary); keep the state directory for an auditor, and compare with "
                        + "`runner audit verify --against-cluster`"))
        }
    }
}
