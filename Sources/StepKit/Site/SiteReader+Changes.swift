public import Kubernetes

extension SiteReader {
    /// The changes that applying `desired` would make.
    public func changes(towards desired: [any Manifest]) async throws -> [Change] {
        let known = await prefetch.differences(of: desired)
        let differences: [ObjectDifference] =
            if let known { known } else { try await cluster.compare(desired) }
        return differences.flatMap(\.changes)
    }

    /// The result of `read`, which is called once before the run's first change, and each time
    /// after it.
    public func readOnce<Value: Sendable>(
        _ read: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await prefetch.value(read)
    }

    /// Forgets what was read before the first step; called when something is about to change.
    public func forgetPrefetch() async {
        await prefetch.forget()
    }
}

extension ObjectDifference {
    /// The difference as changes of a plan.
    var changes: [Change] {
        let certainty: Certainty = certainty == .proved ? .proved : .predicted
        let subject = Change.Subject(reference)
        let whole = headline.map { words in
            Change(
                words, certainty, kind == .replace ? .replace : .create, subject, secrets: secrets)
        }
        let parts = zip(fieldLines, fields).map {
            Change($1, of: subject, words: $0, certainty: certainty)
        }
        return (whole.map { [$0] } ?? []) + parts
    }
}

extension Change {
    /// The difference of one field; `words` also say who set it and when.
    fileprivate init(
        _ field: FieldDifference, of subject: Subject, words: String, certainty: Certainty
    ) {
        let action: Action =
            switch (field.old, field.new) {
            case (nil, _?): .create
            case (_?, nil): .remove
            default: .change
            }
        self.init(
            words, certainty, action, subject, field: field.path, old: field.old, new: field.new,
            startingPoint: field.startingPoint, secrets: field.secrets)
    }
}
