/// Elements of keyed lists that an object has, that its manifest has not, and that server-side apply would leave there.
///
/// Apply removes an element only where our manager alone applied it. A port whose number somebody changed, or a variable
/// that he added, is his: it would stay, and two ports of one name are refused. So that such an element is drift that can be
/// repaired, the pod template of a manifest and the ports of a Service count as described wholly: every element that is not
/// in the manifest goes, also from a list that the manifest does not set, since a variable added by hand overrides `envFrom`.
/// The API server defaults fields of these lists, never elements; what injects containers or volumes does it to Pods. All
/// other lists, such as a ServiceAccount's, belong to controllers too, and keep what they have.
enum StrayElements {
    /// Where the stray elements of `live` are; none inside of another.
    static func paths(in live: JSONValue, beside desired: JSONValue) -> [[FieldStep]] {
        let root = root(of: desired)
        guard let ours = desired.value(at: root), let present = live.value(at: root) else { return [] }
        let managers = FieldManagers(of: live)
        return members(of: present, beside: ours, at: root).filter(managers.wouldKeep)
    }

    /// Whether an object of this manifest can have stray elements at all.
    static func arePossible(in desired: JSONValue) -> Bool { desired.value(at: root(of: desired)) != nil }

    /// `desired` for a dry run beside the stray elements: a port that has a desired one's name gets another, so that the
    /// server judges everything else.
    static func renamingPorts(_ strays: [[FieldStep]], beside desired: JSONValue) -> JSONValue {
        strays.reduce(desired) { object, path in
            guard path.dropLast().last == .field("ports"), case .element(var port)? = path.last else { return object }
            let number = (port["port"] ?? port["containerPort"])?.words ?? ""
            port["name"] = .string("was-\(number)-\(port["protocol"]?.words.lowercased() ?? "tcp")")
            return object.setting(path[...], to: .object(port))
        }
    }

    private static func root(of desired: JSONValue) -> [FieldStep] {
        desired["kind"] == "Service" ? [.field("spec")] : [.field("spec"), .field("template"), .field("spec")]
    }

    private static func members(of live: JSONValue, beside desired: JSONValue, at path: [FieldStep]) -> [[FieldStep]] {
        live.members.sorted { $0.key < $1.key }.flatMap { name, value -> [[FieldStep]] in
            let path = path + [.field(name)]
            if let keys = ListKeys.keys(ofListAt: path) {
                return elements(of: value, beside: desired[name]?.elements ?? [], keys, at: path)
            }
            return desired[name].map { members(of: value, beside: $0, at: path) } ?? []
        }
    }

    private static func elements(
        of live: JSONValue, beside desired: [JSONValue], _ keys: [String], at path: [FieldStep]
    ) -> [[FieldStep]] {
        guard ListKeys.byKey(live.elements, keys) != nil, let ours = ListKeys.byKey(desired, keys) else { return [] }
        return live.elements.flatMap { element -> [[FieldStep]] in
            let key = ListKeys.key(of: element, keys)
            let path = path + [.element(key)]
            return ours[key].map { members(of: element, beside: $0, at: path) } ?? [path]
        }
    }
}

extension JSONValue {
    /// The value behind steps of member names.
    func value(at path: [FieldStep]) -> JSONValue? {
        path.reduce(self as JSONValue?) { value, step in
            if case .field(let name) = step { value?[name] } else { nil }
        }
    }

    /// The same with `value` behind `path`, or without what is there; what the path lacks on the way is made.
    func setting(_ path: ArraySlice<FieldStep>, to value: JSONValue?) -> JSONValue {
        guard let step = path.first else { return value ?? .null }
        let rest = path.dropFirst()
        let isRemoved = rest.isEmpty && value == nil
        switch step {
        case .field(let name):
            var members = members
            if value == nil, members[name] == nil { return self }
            members[name] = isRemoved ? nil : (members[name] ?? .null).setting(rest, to: value)
            return .object(members)
        case .element(let key):
            var elements = elements
            let index = elements.firstIndex { element in key.allSatisfy { element[$0.key] == $0.value } }
            if let index, isRemoved {
                elements.remove(at: index)
            } else if let index {
                elements[index] = elements[index].setting(rest, to: value)
            } else if value != nil {
                elements.append(JSONValue.object(key).setting(rest, to: value))
            }
            return .array(elements)
        case .index: return self
        }
    }
}
