import ClientKit

extension Inventory {
    /// A limit that must be shorter than another, or that many times shorter.
    private struct Nesting {
        let inner: (key: String, limit: TimeLimit)
        var times = 1
        let outer: (key: String, limit: TimeLimit)

        var isMistaken: Bool { (inner.limit * times).duration >= outer.limit.duration }
    }

    /// Reports time limits that are not shorter than the limit of the wait around them: the outer
    /// wait would end first, and its error would not name the host or service that is silent.
    func checkLimits(_ session: ReadingSession) {
        let outer = [
            ("page", limits.page), ("rollout", limits.rollout), ("migration", limits.migration),
            ("backup", limits.backup),
        ]
        let stop = ("stop", limits.stop)
        let nestings =
            [("connect", limits.connect), ("service", limits.service)].flatMap { inner in
                outer.map { Nesting(inner: inner, outer: $0) }
            }
            // An answer to a probe may take four times as long as its connection.
            + outer.map { Nesting(inner: ("probe", limits.probe), times: 4, outer: $0) }
            // Between an interruption and the end of the run a command ends, and the record is signed.
            + [("interrupt", limits.interrupt), ("agent", limits.agent)].map { Nesting(inner: $0, outer: stop) }
        // Collected first: a key with two such mistakes must stay sound until both are known.
        var mistakes: [(path: String, message: String)] = []
        for nesting in nestings where nesting.isMistaken {
            let (innerPath, outerPath) = ("limits.\(nesting.inner.key)", "limits.\(nesting.outer.key)")
            guard session.areSound(innerPath, outerPath) else { continue }
            let (shown, bound) = (nesting.inner.limit.duration.inWords, nesting.outer.limit.duration.inWords)
            let (part, multiple) = nesting.times == 1 ? ("", "") : ("1/\(nesting.times) of ", "\(nesting.times) × ")
            // Of a written limit and a default, the written one has to change.
            if session.isWritten(innerPath) {
                mistakes.append((innerPath, "must be shorter than \(part)\(outerPath) (\(bound)), not \(shown)"))
            } else {
                mistakes.append((outerPath, "must be longer than \(multiple)\(innerPath) (\(shown)), not \(bound)"))
            }
        }
        for mistake in mistakes { session.report(mistake.path, mistake.message) }
    }
}
