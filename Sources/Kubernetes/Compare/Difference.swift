/// Where two values differ, as far down as the difference goes.
struct ValueDifference {
    let path: [FieldStep]
    let old: JSONValue?
    let new: JSONValue?

    static func between(_ old: JSONValue?, _ new: JSONValue?, at path: [FieldStep] = []) -> [ValueDifference] {
        switch (old, new) {
        case (let old, let new) where old == new: []
        case (.object(let old)?, .object(let new)?): members(old, new, path)
        case (.array(let old)?, .array(let new)?): elements(old, new, path)
        // An object that comes or goes is told member by member, as long as it has members to tell.
        case (nil, .object(let new)?) where !new.isEmpty: members([:], new, path)
        case (.object(let old)?, nil) where !old.isEmpty: members(old, [:], path)
        default: [ValueDifference(path: path, old: old, new: new)]
        }
    }

    private static func members(
        _ old: [String: JSONValue], _ new: [String: JSONValue], _ path: [FieldStep]
    ) -> [ValueDifference] {
        Set(old.keys).union(new.keys).sorted().flatMap { key in
            between(old[key], new[key], at: path + [.field(key)])
        }
    }

    private static func elements(_ old: [JSONValue], _ new: [JSONValue], _ path: [FieldStep]) -> [ValueDifference] {
        guard let keys = ListKeys.keys(ofListAt: path), let oldByKey = byKey(old, keys), let newByKey = byKey(new, keys)
        else { return positions(old, new, path) }
        let order = new.map { key(of: $0, keys) } + old.map { key(of: $0, keys) }.filter { newByKey[$0] == nil }
        let inside = order.flatMap { key -> [ValueDifference] in
            let path = path + [.element(key)]
            guard let old = oldByKey[key], let new = newByKey[key] else {
                // A whole element that comes or goes is one difference, not one a member.
                return [ValueDifference(path: path, old: oldByKey[key], new: newByKey[key])]
            }
            return between(old, new, at: path)
        }
        // The same elements in another order: the order itself is the difference, as in `env`, whose order has a meaning.
        return inside.isEmpty ? [ValueDifference(path: path, old: .array(old), new: .array(new))] : inside
    }

    private static func positions(_ old: [JSONValue], _ new: [JSONValue], _ path: [FieldStep]) -> [ValueDifference] {
        (0..<max(old.count, new.count)).flatMap { index -> [ValueDifference] in
            let before = index < old.count ? old[index] : nil
            let after = index < new.count ? new[index] : nil
            let path = path + [.index(index)]
            guard before != nil, after != nil else {
                return [ValueDifference(path: path, old: before, new: after)]
            }
            return between(before, after, at: path)
        }
    }

    private static func key(of element: JSONValue, _ keys: [String]) -> [String: JSONValue] {
        element.members.filter { keys.contains($0.key) }
    }

    /// `nil` where an element lacks all keys or two share them: then there is nothing to tell them apart by.
    private static func byKey(_ elements: [JSONValue], _ keys: [String]) -> [[String: JSONValue]: JSONValue]? {
        var found: [[String: JSONValue]: JSONValue] = [:]
        for element in elements {
            let key = key(of: element, keys)
            guard !key.isEmpty, found.updateValue(element, forKey: key) == nil else { return nil }
        }
        return found
    }
}
