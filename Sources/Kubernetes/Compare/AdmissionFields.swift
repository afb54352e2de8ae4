/// Fields that are in no manifest and are set by admission: by mutating webhooks or by the API
/// server.
///
/// A dry run passes admission like a real apply, so that its result contains what a webhook adds.
/// Whether the live object has it too depends on when the webhook was installed, and on whether it
/// writes the same value each time.
enum AdmissionFields {
    /// `differences` without those that only admission causes.
    ///
    /// A field that both sides have, and that is neither sent nor ours from an earlier apply, is
    /// never drift: a timestamp that changes with each write would be drift forever. A field that
    /// only the dry run's result has is no reason to apply, but is reported beside other
    /// differences, since applying them will add it.
    static func removed(
        from differences: [ValueDifference], sent: JSONValue?, managers: FieldManagers
    ) -> [ValueDifference] {
        guard let sent else { return differences }
        // An element whose key was changed is listed under its old key, but sent under the new one.
        let renamed = Set(
            differences.filter { difference in
                guard case .field(let name)? = difference.path.last,
                    case .element(let key)? = difference.path.dropLast().last
                else { return false }
                return key[name] != nil
            }.map { Array($0.path.dropLast()) })
        func isForeign(_ difference: ValueDifference) -> Bool {
            difference.new != nil && !sent.has(difference.path[...])
                && !managers.mayChangeUnsent(difference.path)
                && !renamed.contains { difference.path.starts(with: $0) }
        }
        let reported = differences.filter { $0.old == nil || !isForeign($0) }
        return reported.allSatisfy(isForeign) ? [] : reported
    }
}

extension JSONValue {
    /// Whether there is something at `path`.
    fileprivate func has(_ path: ArraySlice<FieldStep>) -> Bool {
        guard let step = path.first else { return true }
        let inner: JSONValue? =
            switch step {
            case .field(let name): self[name]
            case .element(let key):
                elements.first { element in key.allSatisfy { element[$0.key] == $0.value } }
            case .index(let index): elements.indices.contains(index) ? elements[index] : nil
            }
        return inner?.has(path.dropFirst()) ?? false
    }
}
