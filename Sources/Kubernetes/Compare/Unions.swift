/// Members of one object that exclude each other: by the API's rules, or by what they mean.
///
/// Server-side apply knows no unions: where somebody put another member in the place of ours, it adds ours beside it, and the
/// server refuses both together.
enum Unions {
    /// The members of a live object that exclude what the manifest sets there, and those of the manifest that the server
    /// would refuse beside them.
    static func contradicted(
        _ live: [String: JSONValue], _ desired: [String: JSONValue], at path: [FieldStep], of kind: String
    ) -> (theirs: [String], ours: [[FieldStep]]) {
        if let union = members(ofUnionAt: path, of: kind, among: Set(live.keys).union(desired.keys)) {
            let ours = union.filter { desired[$0] != nil }.sorted()
            let theirs = union.filter { live[$0] != nil && desired[$0] == nil }.sorted()
            if !ours.isEmpty, !theirs.isEmpty { return (theirs, ours.map { path + [.field($0)] }) }
        }
        let ruled = members(excludedBy: desired, at: path, of: kind).filter { live[$0] != nil }
        // A profile without its type is no profile.
        let type = path.last == .field("seccompProfile") ? path : path + [.field("type")]
        if !ruled.isEmpty { return (ruled, [type]) }
        return (contraries(to: desired, in: live, at: path, of: kind), [])
    }

    /// Of these, one may be set.
    private static func members(
        ofUnionAt path: [FieldStep], of kind: String, among present: Set<String>
    ) -> Set<String>? {
        switch (path.dropLast().last, path.last) {
        case (_, .field("startupProbe")), (_, .field("livenessProbe")), (_, .field("readinessProbe")),
            (.field("lifecycle"), .field("preStop")), (.field("lifecycle"), .field("postStart")):
            ["exec", "httpGet", "tcpSocket", "grpc", "sleep"]
        case (.field("env"), .element): ["value", "valueFrom"]
        case (_, .field("valueFrom")):
            ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]
        case (.field("volumes"), .element): present.subtracting(["name"])
        case (nil, .field("spec")) where kind == "PodDisruptionBudget": ["minAvailable", "maxUnavailable"]
        default: nil
        }
    }

    /// These may be set with another `type` only.
    private static func members(
        excludedBy desired: [String: JSONValue], at path: [FieldStep], of kind: String
    ) -> [String] {
        guard let type = desired["type"]?.string else { return [] }
        return switch path.last {
        case .field("strategy") where type != "RollingUpdate": ["rollingUpdate"]
        case .field("seccompProfile") where type != "Localhost": ["localhostProfile"]
        case .field("spec") where kind == "Service" && path.count == 1 && type == "ClusterIP":
            [
                "allocateLoadBalancerNodePorts", "externalName", "externalTrafficPolicy", "healthCheckNodePort",
                "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges",
            ]
        default: []
        }
    }

    /// These the server takes beside what the manifest sets, and they make something else of it.
    private static func contraries(
        to desired: [String: JSONValue], in live: [String: JSONValue], at path: [FieldStep], of kind: String
    ) -> [String] {
        switch (path.dropLast().last, path.last) {
        case (.field("containers"), .element), (.field("initContainers"), .element):
            desired["command"] != nil && desired["args"] == nil && live["args"] != nil ? ["args"] : []
        case (nil, .field("spec")) where kind == "Deployment":
            live["paused"]?.bool == true && desired["paused"] == nil ? ["paused"] : []
        default: []
        }
    }
}
