import StepKit

/// What a step finds, held against what its plan says.
///
/// Changes are identified by their subject, and compared by their values; words are compared only for a change that has
/// no subject. So a plan stays valid where only the words on who set a field, or when, differ.
struct PlanComparison {
    /// How far the run that carries out the plan has come with the step.
    enum Stage {
        /// The run has changed nothing yet: what is found is what was planned.
        case untouched
        /// The run has changed something before this step: what is found was planned.
        case reached
        /// The run was in the midst of the step, or is through with it: besides what was planned there may be what came of it.
        case begun
    }

    let planned: [Change]
    let found: [Change]

    /// What is not as the plan has it, in words; empty where nothing moved.
    func deviations(at stage: Stage) -> [String] {
        var unplanned = found.filter { !isExpected($0, at: stage) }
        guard stage == .untouched else { return unplanned.map { "new: \($0.summary)" } }
        var words: [String] = []
        for change in planned where !mayBeGone(change) && !found.contains(where: { isSame(change, as: $0) }) {
            let index = unplanned.firstIndex { $0.isAboutTheSame(as: change) }
            switch index.map({ unplanned.remove(at: $0) }) {
            case nil: words.append("gone: \(change.summary)")
            case let other? where other.hasSameValues(as: change):
                words.append("changed: \(change.summary), and again since the plan")
            case let other?: words.append("changed: the plan has `\(change.summary)`, now it is `\(other.summary)`")
            }
        }
        return words + unplanned.map { "new: \($0.summary)" }
    }

    private func isExpected(_ change: Change, at stage: Stage) -> Bool {
        if planned.contains(where: { isSame($0, as: change) }) { return true }
        guard stage == .begun else { return false }
        // A rollout under way, or what an interrupted task left, comes of what the plan had the step do.
        return change.certainty == .knownAfterApply || planned.contains { $0.certainty == .knownAfterApply }
    }

    /// What is known after apply may turn out different; if it has a starting point, that must be the same.
    private func isSame(_ planned: Change, as found: Change) -> Bool {
        let isOpen =
            planned.certainty == .knownAfterApply
            && (found.certainty == .knownAfterApply
                || (planned.action == found.action && found.isAboutTheSame(as: planned)))
        return (isOpen || (planned.isSameSubject(as: found) && planned.hasSameValues(as: found)))
            && (planned.startingPoint == nil || planned.startingPoint == found.startingPoint)
    }

    private func mayBeGone(_ change: Change) -> Bool {
        change.certainty == .knownAfterApply && change.startingPoint == nil
    }
}

extension Change {
    /// Whether both are about one field, or about one thing as a whole.
    fileprivate func isAboutTheSame(as other: Change) -> Bool {
        subject != nil && isSameSubject(as: other)
    }

    fileprivate func isSameSubject(as other: Change) -> Bool {
        subject == other.subject && field == other.field
    }

    /// Whether both would do the same, beginning from the same as far as that may be shown.
    fileprivate func hasSameValues(as other: Change) -> Bool {
        guard subject != nil, field != nil || old != nil || new != nil else {
            return summary == other.summary && action == other.action
        }
        return action == other.action && old == other.old && new == other.new
    }
}
