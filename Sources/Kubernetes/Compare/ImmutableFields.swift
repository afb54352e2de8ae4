/// Fields that the API server never changes once an object has them: only another object can have another value.
enum ImmutableFields {
    /// Where `live` has what `desired` wants otherwise and nobody can change.
    static func hindering(_ desired: JSONValue, in live: JSONValue) -> [[FieldStep]] {
        switch desired["kind"]?.string {
        case "ConfigMap": frozen(live, desired)
        case "Secret":
            (live["type"] ?? "Opaque") == (desired["type"] ?? "Opaque") ? frozen(live, desired) : [[.field("type")]]
        case "Deployment":
            differing(live, desired, at: [.field("spec"), .field("selector")])
        case "Service": clusterAddress(live, desired)
        default: []
        }
    }

    /// The objects of `manifests` that a refusal says to have such a field, with its place as the server words it.
    ///
    /// A second net, for fields that are not known here. The server has one reason for everything invalid, so that only its
    /// words tell this. A Job is never among them: to make it anew is to run it again.
    static func named(in error: KubernetesError, among manifests: [any Manifest]) -> [ObjectReference: [String]] {
        guard error.serverReason == .invalid else { return [:] }
        var found: [ObjectReference: [String]] = [:]
        for match in error.cause.matches(of: /([A-Z][A-Za-z]+)[A-Za-z0-9.]* "([^"]+)" is invalid: (.*?)(?=; The |$)/) {
            let causes = match.3.matches(
                of: /([a-z][A-Za-z0-9.\[\]]*): [^;]*?(?:field is immutable|may not change once set)/)
            let reference = manifests.map(\.reference).first { $0.kind == match.1 && $0.name == match.2 }
            guard let reference, !["Job", "Namespace"].contains(reference.kind), !causes.isEmpty else { continue }
            found[reference] = causes.map { String($0.1) }
        }
        return found
    }

    /// What replacing an object interrupts, as the end of a sentence.
    static func interruption(byReplacing kind: String) -> String? {
        switch kind {
        case "Deployment": "all its pods end, and nothing of it runs until new ones are ready"
        case "Service": "it gets another address, and nothing reaches its pods until the nodes know that"
        default: nil
        }
    }

    /// Data of an object that is closed for good, where it is not what it should be.
    private static func frozen(_ live: JSONValue, _ desired: JSONValue) -> [[FieldStep]] {
        let isSame = (live["data"]?.members ?? [:]) == (desired["data"]?.members ?? [:])
        return live["immutable"]?.bool == true && !isSame ? [[.field("immutable")]] : []
    }

    private static func differing(_ live: JSONValue, _ desired: JSONValue, at path: [FieldStep]) -> [[FieldStep]] {
        live.value(at: path) == desired.value(at: path) ? [] : [path]
    }

    /// A Service without an address of its own, where one is wanted, or the other way round.
    private static func clusterAddress(_ live: JSONValue, _ desired: JSONValue) -> [[FieldStep]] {
        guard desired["spec", "type"] == "ClusterIP", let present = live["spec", "clusterIP"]?.string,
            !present.isEmpty
        else { return [] }
        let wanted = desired["spec", "clusterIP"]?.string
        let isWanted = wanted.map { $0 == present } ?? (present != "None")
        return isWanted ? [] : [[.field("spec"), .field("clusterIP")]]
    }
}
