/// What a live object has, its manifest contradicts, and server-side apply would leave there.
///
/// Apply removes a field only where our manager alone applied it. A variable that somebody added, a probe's handler that he
/// put in the place of ours, or a key of the ConfigMap is his: it would stay, and beside ours many of them are refused. So
/// that such a field is drift that can be repaired, these count as described wholly: the keyed lists of a manifest's pod
/// template and of a Service's ports, also one that the manifest does not set, since a variable added by hand overrides
/// `envFrom`; the data of a ConfigMap or a Secret, which are the pods' environment; selectors; and what ``Unions`` knows to
/// exclude what the manifest sets. The API server defaults fields of these, never elements; what injects containers or
/// volumes does it to Pods. All else that the manifest does not set, such as an Ingress's TLS, keeps what it has.
struct Contradictions {
    /// A field, and where the manifest has the other members of its union, which the server refuses beside it.
    private struct Finding {
        let path: [FieldStep]
        var rivals: [[FieldStep]] = []
    }

    private let found: [Finding]

    /// Where they are; none inside of another.
    var paths: [[FieldStep]] { found.map(\.path) }
    private var rivals: Set<[FieldStep]> { Set(found.flatMap(\.rivals)) }

    init(in live: JSONValue, beside desired: JSONValue) {
        let managers = FieldManagers(of: live)
        let kind = desired["kind"]?.string ?? ""
        let all =
            Self.members(of: live, beside: desired, at: [], of: kind)
            + Self.nodePorts(of: live, beside: desired)
            + Self.annotations(of: live, beside: desired, managers).map { Finding(path: $0) }
        found = all.filter { managers.wouldKeep($0.path) }
    }

    /// `desired` for a dry run beside what contradicts it: without the other members of unions, and with another name for a
    /// port that has a desired one's, so that the server judges everything else.
    func trial(of desired: JSONValue) -> JSONValue {
        let withheld = rivals.reduce(desired) { $0.setting($1[...], to: nil) }
        return paths.reduce(withheld) { object, path in
            guard path.dropLast().last == .field("ports"), case .element(var port)? = path.last else { return object }
            let number = (port["port"] ?? port["containerPort"])?.words ?? ""
            port["name"] = .string("was-\(number)-\(port["protocol"]?.words.lowercased() ?? "tcp")")
            return object.setting(path[...], to: .object(port))
        }
    }

    /// What the trial's answer becomes once what contradicts `desired` is gone, for a dry run of replacing.
    func finished(_ tried: JSONValue, towards desired: JSONValue) -> JSONValue {
        let whole = rivals.reduce(tried) { $0.setting($1[...], to: desired.value(at: $1)) }
        return paths.reduce(whole) { $0.setting($1[...], to: nil) }
    }

    /// `live` as it is to be written before `desired` is applied: with what contradicts that as ours in its `managedFields`, so
    /// that the apply removes it, and otherwise unchanged.
    ///
    /// But of an object inside of a union's member apply leaves the shell, which is refused: that is changed beforehand.
    func claim(of live: JSONValue, towards desired: JSONValue) -> JSONValue {
        let nested = found.filter { finding in
            !finding.rivals.isEmpty
                && live.value(at: finding.path)?.members.values.contains { !$0.members.isEmpty } == true
        }
        let others = paths.filter { path in !nested.contains { $0.path == path } }
        let claimed = live.setting(
            [.field("metadata"), .field("managedFields")], to: FieldManagers.claiming(others, in: live))
        return nested.reduce(claimed) { object, finding in
            finding.rivals.reduce(object.setting(finding.path[...], to: nil)) { object, rival in
                object.setting(rival[...], to: desired.value(at: rival))
            }
        }
    }

    private static func members(
        of live: JSONValue, beside desired: JSONValue, at path: [FieldStep], of kind: String
    ) -> [Finding] {
        let union = Unions.contradicted(live.members, desired.members, at: path, of: kind)
        return live.members.sorted { $0.key < $1.key }.flatMap { name, value -> [Finding] in
            let path = path + [.field(name)]
            if union.theirs.contains(name) { return [Finding(path: path, rivals: union.ours)] }
            if let keys = ListKeys.keys(ofListAt: path) {
                return elements(of: value, beside: desired[name]?.elements ?? [], keys, at: path, of: kind)
            }
            if let ours = desired[name] { return members(of: value, beside: ours, at: path, of: kind) }
            return isWhole(path.dropLast(), of: kind) ? [Finding(path: path)] : []
        }
    }

    private static func elements(
        of live: JSONValue, beside desired: [JSONValue], _ keys: [String], at path: [FieldStep], of kind: String
    ) -> [Finding] {
        guard path.starts(with: kind == "Service" ? service : podSpec), ListKeys.byKey(live.elements, keys) != nil,
            let ours = ListKeys.byKey(desired, keys)
        else { return [] }
        return live.elements.flatMap { element -> [Finding] in
            let key = ListKeys.key(of: element, keys)
            let path = path + [.element(key)]
            return ours[key].map { members(of: element, beside: $0, at: path, of: kind) } ?? [Finding(path: path)]
        }
    }

    private static let service: [FieldStep] = [.field("spec")]
    private static let podSpec: [FieldStep] = [.field("spec"), .field("template"), .field("spec")]

    /// Whether every member of the object at `path` is the manifest's, where that has an object there.
    private static func isWhole(_ path: ArraySlice<FieldStep>, of kind: String) -> Bool {
        switch kind {
        case "ConfigMap", "Secret": path == [.field("data")]
        case "Service", "PodDisruptionBudget": path.starts(with: [.field("spec"), .field("selector")])
        default: path.contains(.field("labelSelector"))
        }
    }

    /// Ports of the nodes, which a Service for the cluster alone cannot have.
    private static func nodePorts(of live: JSONValue, beside desired: JSONValue) -> [Finding] {
        guard desired["kind"] == "Service", desired["spec", "type"] == "ClusterIP",
            let keys = ListKeys.keys(ofListAt: [.field("ports")]), let ours = desired["spec", "ports"]?.elements
        else { return [] }
        let wanted = ours.map { ListKeys.key(of: $0, keys) }
        return (live["spec", "ports"]?.elements ?? []).filter { $0["nodePort"] != nil }.compactMap { port in
            let key = ListKeys.key(of: port, keys)
            guard wanted.contains(key) else { return nil }
            return Finding(
                path: service + [.field("ports"), .element(key), .field("nodePort")],
                rivals: [service + [.field("type")]])
        }
    }

    /// Annotations that say something else than the manifest.
    ///
    /// What `kubectl apply` once sent as a ConfigMap or Secret is a copy of passwords that may still hold. On another object
    /// it stays with whoever applies there, unless nobody is recorded to own it: then kubectl would take all for ours.
    private static func annotations(
        of live: JSONValue, beside desired: JSONValue, _ managers: FieldManagers
    ) -> [[FieldStep]] {
        var found: [[FieldStep]] = []
        let kind = desired["kind"]
        if kind == "ConfigMap" || kind == "Secret" || managers.isEmpty { found.append(FieldManagers.lastApplied) }
        if kind == "Ingress", desired["spec", "ingressClassName"] != nil {
            // ingress-nginx heeds the older annotation first.
            found.append([.field("metadata"), .field("annotations"), .field("kubernetes.io/ingress.class")])
        }
        return found.filter { live.value(at: $0) != nil && desired.value(at: $0) == nil }
    }
}

extension JSONValue {
    /// The value behind steps of member names and keys of elements.
    func value(at path: [FieldStep]) -> JSONValue? {
        path.reduce(self as JSONValue?) { value, step in
            switch step {
            case .field(let name): value?[name]
            case .element(let key):
                value?.elements.first { element in key.allSatisfy { element[$0.key] == $0.value } }
            case .index: nil
            }
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
