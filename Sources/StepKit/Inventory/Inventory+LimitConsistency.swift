import ClientKit

extension Inventory {
    /// Reports time limits that are not shorter than the limit of the wait around them: the outer
    /// wait would end first, and its error would not name the host or service that is silent.
    func checkLimits(_ session: ReadingSession) {
        let inner = [("connect", limits.connect), ("service", limits.service), ("probe", limits.probe)]
        let outer = [
            ("page", limits.page), ("rollout", limits.rollout), ("migration", limits.migration),
            ("backup", limits.backup),
        ]
        let pairs =
            inner.flatMap { short in outer.map { (short, $0) } } + [
                (("interrupt", limits.interrupt), ("stop", limits.stop))
            ]
        // Collected first: a key with two such mistakes must stay sound until both are known.
        var mistakes: [(path: String, message: String)] = []
        for ((innerKey, short), (outerKey, long)) in pairs where short.duration >= long.duration {
            let (innerPath, outerPath) = ("limits.\(innerKey)", "limits.\(outerKey)")
            guard session.areSound(innerPath, outerPath) else { continue }
            let (shown, bound) = (short.duration.inWords, long.duration.inWords)
            // Of a written limit and a default, the written one has to change.
            if session.isWritten(innerPath) {
                mistakes.append((innerPath, "must be shorter than \(outerPath) (\(bound)), not \(shown)"))
            } else {
                mistakes.append((outerPath, "must be longer than \(innerPath) (\(shown)), not \(bound)"))
            }
        }
        for mistake in mistakes { session.report(mistake.path, mistake.message) }
    }
}
