/// Fields and list elements of a live object that contradict its manifest, and that server-side
/// apply would leave in place.
///
/// Apply removes a field only where our manager alone applied it. A variable that somebody added, a
/// probe handler that replaced ours, or a key of the ConfigMap belongs to another manager: it would
/// stay, and many of them the server refuses beside ours. To make them drift that can be repaired,
/// these are treated as completely described by the manifest: the keyed lists of a pod template and
/// of a Service's ports, including lists that the manifest does not set, since a variable added by
/// hand overrides `envFrom`; the data of a ConfigMap or a Secret, which are the pods' environment;
/// selectors; and what ``Unions`` excludes beside what the manifest sets. The API server adds
/// default fields to these, never elements, and injected containers or volumes are added to Pods.
/// Everything else that the manifest does not set, such as an Ingress's TLS, stays as it is.
struct UnmanagedElements {
    /// A field, and the paths of the manifest's members of the same union, which the server refuses
    /// beside it.
    private struct Finding {
        let path: [FieldStep]
        var unionMembers: [[FieldStep]] = []
    }

    private let found: [Finding]

    /// Their paths; none is inside another.
    var paths: [[FieldStep]] { found.map(\.path) }
    private var unionMembers: Set<[FieldStep]> { Set(found.flatMap(\.unionMembers)) }

    init(of live: JSONValue, notIn desired: JSONValue) {
        let managers = FieldManagers(of: live)
        let kind = desired["kind"]?.string ?? ""
        let all =
            Self.members(of: live, notIn: desired, at: [], of: kind)
            + Self.nodePorts(of: live, notIn: desired)
            + Self.annotations(of: live, notIn: desired, managers: managers)
            .map { Finding(path: $0) }
        found = all.filter { managers.wouldKeep($0.path) }
    }

    /// `desired` for a dry run while these elements are still there: without the members of unions
    /// that would be refused beside them, and with them under another name where they are ports
    /// that share a name with a desired one, so that the server checks everything else.
    func dryRunInput(for desired: JSONValue) -> JSONValue {
        let withheld = unionMembers.reduce(desired) { $0.setting($1[...], to: nil) }
        return paths.reduce(withheld) { object, path in
            guard path.dropLast().last == .field("ports"), case .element(var port)? = path.last
            else { return object }
            let number = (port["port"] ?? port["containerPort"])?.displayText ?? ""
            port["name"] = .string(
                "was-\(number)-\(port["protocol"]?.displayText.lowercased() ?? "tcp")")
            return object.setting(path[...], to: .object(port))
        }
    }

    /// The result of that dry run without these elements and with everything that was withheld, for
    /// a dry run of replacing.
    func replacement(from applied: JSONValue, for desired: JSONValue) -> JSONValue {
        let whole = unionMembers.reduce(applied) { $0.setting($1[...], to: desired.value(at: $1)) }
        return paths.reduce(whole) { $0.setting($1[...], to: nil) }
    }

    /// `live` as it has to be written before `desired` is applied: its `managedFields` make us the
    /// owner of these elements, so that the apply removes them; the rest is unchanged.
    ///
    /// The exception are objects inside a member of a union, of which apply would leave an empty
    /// object that the server refuses: these are replaced beforehand.
    func takingOwnership(in live: JSONValue, for desired: JSONValue) -> JSONValue {
        let nested = found.filter { finding in
            !finding.unionMembers.isEmpty
                && live.value(at: finding.path)?.members.values.contains { !$0.members.isEmpty }
                    == true
        }
        let others = paths.filter { path in !nested.contains { $0.path == path } }
        let owned = live.setting(
            [.field("metadata"), .field("managedFields")],
            to: FieldManagers.takingOwnership(of: others, in: live))
        return nested.reduce(owned) { object, finding in
            finding.unionMembers.reduce(object.setting(finding.path[...], to: nil)) {
                object, member in
                object.setting(member[...], to: desired.value(at: member))
            }
        }
    }

    private static func members(
        of live: JSONValue, notIn desired: JSONValue, at path: [FieldStep], of kind: String
    ) -> [Finding] {
        let union = Unions.conflicts(
            between: live.members, and: desired.members, at: path, of: kind)
        return live.members.sorted { $0.key < $1.key }.flatMap { name, value -> [Finding] in
            let path = path + [.field(name)]
            if union.theirs.contains(name) {
                return [Finding(path: path, unionMembers: union.ours)]
            }
            if let keys = ListKeys.keys(ofListAt: path) {
                return elements(
                    of: value, notIn: desired[name]?.elements ?? [], keys: keys, at: path, of: kind)
            }
            if let ours = desired[name] {
                return members(of: value, notIn: ours, at: path, of: kind)
            }
            return isComplete(path.dropLast(), of: kind) ? [Finding(path: path)] : []
        }
    }

    private static func elements(
        of live: JSONValue, notIn desired: [JSONValue], keys: [String], at path: [FieldStep],
        of kind: String
    ) -> [Finding] {
        guard path.starts(with: kind == "Service" ? service : podSpec),
            ListKeys.index(live.elements, by: keys) != nil,
            let ours = ListKeys.index(desired, by: keys)
        else { return [] }
        return live.elements.flatMap { element -> [Finding] in
            let key = ListKeys.key(of: element, among: keys)
            let path = path + [.element(key)]
            return ours[key].map { members(of: element, notIn: $0, at: path, of: kind) } ?? [
                Finding(path: path)
            ]
        }
    }

    private static let service: [FieldStep] = [.field("spec")]
    private static let podSpec: [FieldStep] = [.field("spec"), .field("template"), .field("spec")]

    /// Whether the manifest describes the object at `path` completely.
    private static func isComplete(_ path: ArraySlice<FieldStep>, of kind: String) -> Bool {
        switch kind {
        case "ConfigMap", "Secret": path == [.field("data")]
        case "Service", "PodDisruptionBudget":
            path.starts(with: [.field("spec"), .field("selector")])
        default: path.contains(.field("labelSelector"))
        }
    }

    /// Node ports, which a Service of type ClusterIP cannot have.
    private static func nodePorts(of live: JSONValue, notIn desired: JSONValue) -> [Finding] {
        guard desired["kind"] == "Service", desired["spec", "type"] == "ClusterIP",
            let keys = ListKeys.keys(ofListAt: [.field("ports")]),
            let ours = desired["spec", "ports"]?.elements
        else { return [] }
        let wanted = ours.map { ListKeys.key(of: $0, among: keys) }
        return (live["spec", "ports"]?.elements ?? []).filter { $0["nodePort"] != nil }.compactMap {
            port in
            let key = ListKeys.key(of: port, among: keys)
            guard wanted.contains(key) else { return nil }
            return Finding(
                path: service + [.field("ports"), .element(key), .field("nodePort")],
                unionMembers: [service + [.field("type")]])
        }
    }

    /// Annotations that contradict the manifest.
    ///
    /// What `kubectl apply` once sent as a ConfigMap or Secret is a copy of passwords that may
    /// still be valid. On other objects the annotation is left to its manager, unless no
    /// owner of it is recorded: then kubectl would treat everything in it as ours.
    private static func annotations(
        of live: JSONValue, notIn desired: JSONValue, managers: FieldManagers
    ) -> [[FieldStep]] {
        var found: [[FieldStep]] = []
        let kind = desired["kind"]
        if kind == "ConfigMap" || kind == "Secret" || managers.isEmpty {
            found.append(FieldManagers.lastApplied)
        }
        if kind == "Ingress", desired["spec", "ingressClassName"] != nil {
            // ingress-nginx gives the older annotation precedence.
            found.append([
                .field("metadata"), .field("annotations"), .field("kubernetes.io/ingress.class"),
            ])
        }
        return found.filter { live.value(at: $0) != nil && desired.value(at: $0) == nil }
    }
}

extension JSONValue {
    /// The value at a path of member names and keys of elements.
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

    /// The same with `value` at `path`, or without what is there; creates missing parents.
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
            let index = elements.firstIndex { element in
                key.allSatisfy { element[$0.key] == $0.value }
            }
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
