/// Fields that no manifest sends and that mutating webhooks, or the API server's own admission, set when an object is written.
///
/// A dry run passes through admission as a real apply does, so that what a webhook adds stands in its answer. Whether the live
/// object has it too depends on when the webhook came, and on whether it writes the same each time.
enum AdmissionFields {
    /// `differences` without those that are admission's alone.
    ///
    /// A field that both sides have, and that is neither sent nor ours from an earlier apply, is never drift: a stamp that
    /// changes at each write would be for ever. One that only the answer has is no reason for an apply, and told where
    /// there is another, since that apply will bring it.
    static func leftOut(
        of differences: [ValueDifference], _ sent: JSONValue?, _ managers: FieldManagers
    ) -> [ValueDifference] {
        guard let sent else { return differences }
        // An element whose key was changed stands under its old key, and is sent under the new one.
        let renamed = Set(
            differences.filter { difference in
                guard case .field(let name)? = difference.path.last,
                    case .element(let key)? = difference.path.dropLast().last
                else { return false }
                return key[name] != nil
            }.map { Array($0.path.dropLast()) })
        func isForeign(_ difference: ValueDifference) -> Bool {
            difference.new != nil && !sent.has(difference.path[...]) && !managers.isToldByApply(difference.path)
                && !renamed.contains { difference.path.starts(with: $0) }
        }
        let told = differences.filter { $0.old == nil || !isForeign($0) }
        return told.allSatisfy(isForeign) ? [] : told
    }
}

extension JSONValue {
    /// Whether there is something at `path`.
    fileprivate func has(_ path: ArraySlice<FieldStep>) -> Bool {
        guard let step = path.first else { return true }
        let inner: JSONValue? =
            switch step {
            case .field(let name): self[name]
            case .element(let key): elements.first { element in key.allSatisfy { element[$0.key] == $0.value } }
            case .index(let index): elements.indices.contains(index) ? elements[index] : nil
            }
        return inner?.has(path.dropFirst()) ?? false
    }
}
