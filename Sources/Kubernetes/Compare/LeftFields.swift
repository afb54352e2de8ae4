/// Fields that a manifest leaves to others on purpose, and that keep their value also where we applied one before.
///
/// Server-side apply removes what its manager sent before and sends no more, unless somebody else owns it too: a Deployment
/// would fall back to one pod. Whoever scales it need not be an owner, since servers before 1.22 record none for `scale`. So
/// the field is given up first, in our entry of `managedFields`, which changes nothing of the object itself.
enum LeftFields {
    /// The fields that `desired` leaves to others, whoever owns them.
    static func paths(in desired: JSONValue) -> [[FieldStep]] {
        guard desired["kind"] == "Deployment", desired["spec", "replicas"] == nil else { return [] }
        return [[.field("spec"), .field("replicas")]]
    }

    /// `applied`, the answer of a dry run, as it will be once these fields are given up.
    static func kept(from live: JSONValue, in applied: JSONValue, beside desired: JSONValue) -> JSONValue {
        paths(in: desired).reduce(applied) { $0.setting($1[...], to: live.value(at: $1)) }
    }

    /// `live` with these fields no more ours; `nil` where none is.
    static func givenUp(in live: JSONValue, beside desired: JSONValue) -> JSONValue? {
        let ours = paths(in: desired).filter(FieldManagers(of: live).isApplied)
        guard !ours.isEmpty else { return nil }
        return live.setting(
            [.field("metadata"), .field("managedFields")], to: FieldManagers.givingUp(ours, in: live))
    }
}
