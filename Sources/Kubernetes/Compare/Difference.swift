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
        guard let keys = ListKeys.keys(ofListAt: path), let oldByKey = ListKeys.byKey(old, keys),
            let newByKey = ListKeys.byKey(new, keys)
        else { return positions(old, new, path) }
        var left = old.filter { newByKey[ListKeys.key(of: $0, keys)] == nil }
        var inside: [ValueDifference] = []
        for element in new {
            let key = ListKeys.key(of: element, keys)
            var before = oldByKey[key]
            // An element whose key was changed is told by the members that changed, the key among them.
            if before == nil, let index = left.firstIndex(where: { ListKeys.isSame($0, as: element, inListAt: path) }) {
                before = left.remove(at: index)
            }
            if let before {
                inside += between(before, element, at: path + [.element(ListKeys.key(of: before, keys))])
            } else {
                // A whole element that comes or goes is one difference, not one a member.
                inside.append(ValueDifference(path: path + [.element(key)], old: nil, new: element))
            }
        }
        inside += left.map { ValueDifference(path: path + [.element(ListKeys.key(of: $0, keys))], old: $0, new: nil) }
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
}
