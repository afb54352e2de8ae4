import ClientKit
import Journal
import StepKit

extension RecordedChange {
    /// What the record says of `change`.
    init(_ change: Change) {
        self.init(
            change.summary, action: change.action.rawValue, object: change.subject?.description, field: change.field,
            before: change.old, after: change.new, secrets: change.secrets.list)
    }
}
