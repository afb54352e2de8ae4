/// Members of an object that exclude each other, by the API's rules or by their meaning.
///
/// Server-side apply does not know about unions: where somebody replaced our member by another one,
/// it adds ours beside it, and the server refuses both together.
enum Unions {
    /// The members of a live object that exclude what the manifest sets there, and the manifest's
    /// members that the server would refuse beside them.
    static func conflicts(
        between live: [String: JSONValue], and desired: [String: JSONValue], at path: [FieldStep],
        of kind: String
    ) -> (theirs: [String], ours: [[FieldStep]]) {
        if let union = members(ofUnionAt: path, of: kind, among: Set(live.keys).union(desired.keys)) {
            let ours = union.filter { desired[$0] != nil }.sorted()
            let theirs = union.filter { live[$0] != nil && desired[$0] == nil }.sorted()
            if !ours.isEmpty, !theirs.isEmpty { return (theirs, ours.map { path + [.field($0)] }) }
        }
        if kind == "Deployment", path == [.field("spec")],
            let conflict = rolloutSeconds(between: live, and: desired)
        {
            return ([conflict.theirs], [path + [.field(conflict.ours)]])
        }
        let ruled = members(excludedBy: desired, at: path, of: kind).filter { live[$0] != nil }
        // A seccomp profile requires its type.
        let type = path.last == .field("seccompProfile") ? path : path + [.field("type")]
        if !ruled.isEmpty { return (ruled, [type]) }
        return (overrides(of: desired, in: live, at: path, of: kind), [])
    }

    /// Members of which only one may be set.
    private static func members(
        ofUnionAt path: [FieldStep], of kind: String, among present: Set<String>
    ) -> Set<String>? {
        switch (path.dropLast().last, path.last) {
        case (_, .field("startupProbe")), (_, .field("livenessProbe")),
            (_, .field("readinessProbe")),
            (.field("lifecycle"), .field("preStop")), (.field("lifecycle"), .field("postStart")):
            ["exec", "httpGet", "tcpSocket", "grpc", "sleep"]
        case (.field("env"), .element): ["value", "valueFrom"]
        case (_, .field("valueFrom")):
            ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]
        case (.field("volumes"), .element): present.subtracting(["name"])
        case (nil, .field("spec")) where kind == "PodDisruptionBudget":
            ["minAvailable", "maxUnavailable"]
        default: nil
        }
    }

    /// The two spans of a rollout: a pod has to count as available before the rollout counts as
    /// failed.
    private static func rolloutSeconds(
        between live: [String: JSONValue], and desired: [String: JSONValue]
    ) -> (theirs: String, ours: String)? {
        let (ready, deadline) = ("minReadySeconds", "progressDeadlineSeconds")
        func seconds(_ key: String) -> Int? { (desired[key] ?? live[key])?.integer }
        guard let least = seconds(ready), let limit = seconds(deadline), least >= limit else {
            return nil
        }
        return switch (desired[ready], desired[deadline]) {
        case (nil, .some): (ready, deadline)
        case (.some, nil): (deadline, ready)
        default: nil
        }
    }

    /// Members that are allowed with another `type` only.
    private static func members(
        excludedBy desired: [String: JSONValue], at path: [FieldStep], of kind: String
    ) -> [String] {
        guard let type = desired["type"]?.string else { return [] }
        return switch path.last {
        case .field("strategy") where type != "RollingUpdate": ["rollingUpdate"]
        case .field("seccompProfile") where type != "Localhost": ["localhostProfile"]
        case .field("spec") where kind == "Service" && path.count == 1 && type == "ClusterIP":
            [
                "allocateLoadBalancerNodePorts", "externalName", "externalTrafficPolicy",
                "healthCheckNodePort",
                "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges",
            ]
        default: []
        }
    }

    /// Members that the server accepts beside what the manifest sets, and that change its meaning.
    private static func overrides(
        of desired: [String: JSONValue], in live: [String: JSONValue], at path: [FieldStep],
        of kind: String
    ) -> [String] {
        switch (path.dropLast().last, path.last) {
        case (.field("containers"), .element), (.field("initContainers"), .element):
            desired["command"] != nil && desired["args"] == nil && live["args"] != nil
                ? ["args"] : []
        case (nil, .field("spec")) where kind == "Deployment":
            live["paused"]?.bool == true && desired["paused"] == nil ? ["paused"] : []
        default: []
        }
    }
}
