/// Fields that the API server does not change once they are set: the object has to be replaced.
enum ImmutableFields {
    /// The immutable fields of `live` that differ from `desired`.
    static func paths(in live: JSONValue, differingFrom desired: JSONValue) -> [[FieldStep]] {
        switch desired["kind"]?.string {
        case "ConfigMap": immutableData(of: live, differingFrom: desired)
        case "Secret":
            (live["type"] ?? "Opaque") == (desired["type"] ?? "Opaque")
                ? immutableData(of: live, differingFrom: desired) : [[.field("type")]]
        case "Deployment":
            selector(of: live, differingFrom: desired)
        case "Service": clusterIP(of: live, differingFrom: desired)
        default: []
        }
    }

    /// The objects of `manifests` in which the server refused to change a field, with the field's
    /// path as the server writes it.
    ///
    /// Covers fields that are not listed here. The server has one reason for everything that is
    /// invalid, so that only the message distinguishes it. Jobs are left out: recreating one would
    /// run it again.
    static func reported(
        by error: KubernetesError, among manifests: [any Manifest]
    ) -> [ObjectReference: [String]] {
        guard error.serverReason == .invalid else { return [:] }
        var found: [ObjectReference: [String]] = [:]
        for match in error.cause.matches(
            of: /([A-Z][A-Za-z]+)[A-Za-z0-9.]* "([^"]+)" is invalid: (.*?)(?=; The |$)/)
        {
            let causes = match.3.matches(
                of: /([a-z][A-Za-z0-9.\[\]]*): [^;]*?(?:field is immutable|may not change once set)/
            )
            let reference = manifests.map(\.reference).first {
                $0.kind == match.1 && $0.name == match.2
            }
            guard let reference, !["Job", "Namespace"].contains(reference.kind), !causes.isEmpty
            else { continue }
            found[reference] = causes.map { String($0.1) }
        }
        return found
    }

    /// The interruption that replacing an object causes, as the end of a sentence.
    static func interruption(byReplacing kind: String) -> String? {
        switch kind {
        case "Deployment": "all its pods are terminated, and it is down until new ones are ready"
        case "Service": "it gets a new cluster IP and is unreachable until the nodes know that"
        default: nil
        }
    }

    /// The field `immutable`, where it prevents a change of the data.
    private static func immutableData(
        of live: JSONValue, differingFrom desired: JSONValue
    ) -> [[FieldStep]] {
        let isSame = (live["data"]?.members ?? [:]) == (desired["data"]?.members ?? [:])
        return live["immutable"]?.bool == true && !isSame ? [[.field("immutable")]] : []
    }

    private static func selector(
        of live: JSONValue, differingFrom desired: JSONValue
    ) -> [[FieldStep]] {
        let path: [FieldStep] = [.field("spec"), .field("selector")]
        return live.value(at: path) == desired.value(at: path) ? [] : [path]
    }

    /// The cluster IP, where a headless Service should have one, or the other way round.
    private static func clusterIP(
        of live: JSONValue, differingFrom desired: JSONValue
    ) -> [[FieldStep]] {
        guard desired["spec", "type"] == "ClusterIP",
            let present = live["spec", "clusterIP"]?.string,
            !present.isEmpty
        else { return [] }
        let wanted = desired["spec", "clusterIP"]?.string
        let isWanted = wanted.map { $0 == present } ?? (present != "None")
        return isWanted ? [] : [[.field("spec"), .field("clusterIP")]]
    }
}
