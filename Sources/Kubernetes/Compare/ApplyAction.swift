/// What applying a manifest has to do, given the live object and its namespace.
enum ApplyAction {
    /// The object does not exist.
    case create(ObjectDifference.DryRunCertainty)
    /// The object or its namespace is being deleted and must be gone first.
    case wait(Deletion)
    /// The object can be changed in place, once these elements of it are removed.
    case change(JSONValue, UnmanagedElements)
    /// The object must be deleted and created again, since these fields of it cannot be changed.
    case replace(JSONValue, since: [String])

    /// `refused` contains fields that the server refused to change, in addition to
    /// ``ImmutableFields``.
    init(
        for manifest: any Manifest, among live: [ObjectReference: JSONValue],
        refused: [ObjectReference: [String]] = [:]
    ) {
        let namespace = manifest.metadata.namespace.map {
            ObjectReference(apiVersion: "v1", kind: "Namespace", name: $0)
        }
        if let namespace, live[namespace] == nil {
            self = .create(.predicted("namespace \(namespace.name) does not exist yet"))
        } else if let deletion = namespace.flatMap({ live[$0] }).flatMap(Deletion.init) {
            self = .wait(deletion)
        } else if let object = live[manifest.reference] {
            let desired = manifest.json()
            let fields =
                ImmutableFields.paths(in: object, differingFrom: desired).map(\.displayText)
                + (refused[manifest.reference] ?? [])
            if let deletion = Deletion(of: object) {
                self = .wait(deletion)
            } else if fields.isEmpty {
                self = .change(object, UnmanagedElements(of: object, notIn: desired))
            } else {
                self = .replace(object, since: fields)
            }
        } else {
            self = .create(.proved)
        }
    }

    /// Whether a server-side apply of `manifest` is all that is needed.
    func needsOnlyApply(of manifest: any Manifest) -> Bool {
        switch self {
        case .create: true
        case .wait, .replace: false
        case .change: preparedObject(for: manifest) == nil
        }
    }

    /// The object as it must be written before `manifest` is applied; `nil` where that is not
    /// needed.
    func preparedObject(for manifest: any Manifest) -> JSONValue? {
        guard case .change(let object, let unmanaged) = self else { return nil }
        let desired = manifest.json()
        let givenUp = DelegatedFields.givingUpOwnership(in: object, notSetBy: desired)
        guard !unmanaged.paths.isEmpty || FieldManagers(of: object).wouldBeMigrated else {
            return givenUp
        }
        return unmanaged.takingOwnership(in: givenUp ?? object, for: desired)
    }
}
