/// What applying a manifest has to do about what is there, from the live object and its namespace.
enum Course {
    /// Nothing is there.
    case create(ObjectDifference.Certainty)
    /// What is there, or its namespace, is being deleted, and must be gone first.
    case wait(Deletion)
    /// The object can become what it shall be, without what contradicts its manifest.
    case change(JSONValue, Contradictions)
    /// The object must be deleted and made anew, since these fields of it cannot be changed.
    case replace(JSONValue, since: [String])

    /// `refused` has the fields that the server would not change, beside those that ``ImmutableFields`` knows.
    init(
        of manifest: any Manifest, among live: [ObjectReference: JSONValue],
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
                ImmutableFields.hindering(desired, in: object).map(\.words) + (refused[manifest.reference] ?? [])
            if let deletion = Deletion(of: object) {
                self = .wait(deletion)
            } else if fields.isEmpty {
                self = .change(object, Contradictions(in: object, beside: desired))
            } else {
                self = .replace(object, since: fields)
            }
        } else {
            self = .create(.proved)
        }
    }

    /// Whether one server-side apply of `manifest` does it, with nothing before it.
    func isPlain(_ manifest: any Manifest) -> Bool {
        switch self {
        case .create: true
        case .wait, .replace: false
        case .change: claim(towards: manifest) == nil
        }
    }

    /// The object as it must be written before `manifest` is applied; `nil` where it need not.
    func claim(towards manifest: any Manifest) -> JSONValue? {
        guard case .change(let object, let contradictions) = self else { return nil }
        let desired = manifest.json()
        let givenUp = LeftFields.givenUp(in: object, beside: desired)
        guard !contradictions.paths.isEmpty || FieldManagers(of: object).wouldBeMigrated else { return givenUp }
        return contradictions.claim(of: givenUp ?? object, towards: desired)
    }
}
