/// A difference between two JSON values, at the deepest path that contains it.
struct ValueDifference {
    let path: [FieldStep]
    let old: JSONValue?
    let new: JSONValue?

    static func between(
        _ old: JSONValue?, and new: JSONValue?, at path: [FieldStep] = []
    ) -> [ValueDifference] {
        switch (old, new) {
        case (let old, let new) where old == new: []
        case (.object(let old)?, .object(let new)?): members(of: old, and: new, at: path)
        case (.array(let old)?, .array(let new)?): elements(of: old, and: new, at: path)
        // An object that is added or removed is reported member by member, unless it is empty.
        case (nil, .object(let new)?) where !new.isEmpty: members(of: [:], and: new, at: path)
        case (.object(let old)?, nil) where !old.isEmpty: members(of: old, and: [:], at: path)
        default: [ValueDifference(path: path, old: old, new: new)]
        }
    }

    private static func members(
        of old: [String: JSONValue], and new: [String: JSONValue], at path: [FieldStep]
    ) -> [ValueDifference] {
        Set(old.keys).union(new.keys).sorted().flatMap { key in
            between(old[key], and: new[key], at: path + [.field(key)])
        }
    }

    private static func elements(
        of old: [JSONValue], and new: [JSONValue], at path: [FieldStep]
    ) -> [ValueDifference] {
        guard let keys = ListKeys.keys(ofListAt: path),
            let oldByKey = ListKeys.index(old, by: keys),
            let newByKey = ListKeys.index(new, by: keys)
        else { return positions(of: old, and: new, at: path) }
        var left = old.filter { newByKey[ListKeys.key(of: $0, among: keys)] == nil }
        var inside: [ValueDifference] = []
        for element in new {
            let key = ListKeys.key(of: element, among: keys)
            var before = oldByKey[key]
            // An element whose key was changed is reported by its changed members, including the
            // key.
            if before == nil,
                let index = left.firstIndex(where: {
                    ListKeys.isSame($0, as: element, inListAt: path)
                })
            {
                before = left.remove(at: index)
            }
            if let before {
                inside += between(
                    before, and: element,
                    at: path + [.element(ListKeys.key(of: before, among: keys))])
            } else {
                // An element that is added or removed is one difference, not one per member.
                inside.append(ValueDifference(path: path + [.element(key)], old: nil, new: element))
            }
        }
        inside += left.map {
            ValueDifference(
                path: path + [.element(ListKeys.key(of: $0, among: keys))], old: $0, new: nil)
        }
        // The same elements in another order: the order matters in `env`, for one.
        return inside.isEmpty
            ? [ValueDifference(path: path, old: .array(old), new: .array(new))] : inside
    }

    private static func positions(
        of old: [JSONValue], and new: [JSONValue], at path: [FieldStep]
    ) -> [ValueDifference] {
        (0..<max(old.count, new.count)).flatMap { index -> [ValueDifference] in
            let before = index < old.count ? old[index] : nil
            let after = index < new.count ? new[index] : nil
            let path = path + [.index(index)]
            guard before != nil, after != nil else {
                return [ValueDifference(path: path, old: before, new: after)]
            }
            return between(before, and: after, at: path)
        }
    }
}
