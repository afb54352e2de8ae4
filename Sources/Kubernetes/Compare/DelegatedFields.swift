/// Fields that a manifest leaves to others on purpose; they keep their values even where an earlier
/// apply of ours set them.
///
/// Server-side apply removes a field that its manager sent before and no longer sends, unless
/// somebody else owns it too: a Deployment would fall back to one pod. What scales it need not
/// be an owner, since servers before 1.22 record none for `scale`. We therefore give up the
/// ownership first, in our entry of `managedFields`, which changes nothing else in the object.
enum DelegatedFields {
    /// The fields that `desired` leaves to others.
    static func paths(in desired: JSONValue) -> [[FieldStep]] {
        guard desired["kind"] == "Deployment", desired["spec", "replicas"] == nil else { return [] }
        return [[.field("spec"), .field("replicas")]]
    }

    /// `applied`, the result of a dry run, with the values that these fields have in `live`.
    static func keepingValues(
        of live: JSONValue, in applied: JSONValue, notSetBy desired: JSONValue
    ) -> JSONValue {
        paths(in: desired).reduce(applied) { $0.setting($1[...], to: live.value(at: $1)) }
    }

    /// `live` without our ownership of these fields; `nil` where we own none of them.
    static func givingUpOwnership(
        in live: JSONValue, notSetBy desired: JSONValue
    ) -> JSONValue? {
        let ours = paths(in: desired).filter(FieldManagers(of: live).isApplied)
        guard !ours.isEmpty else { return nil }
        return live.setting(
            [.field("metadata"), .field("managedFields")],
            to: FieldManagers.givingUpOwnership(of: ours, in: live))
    }
}
