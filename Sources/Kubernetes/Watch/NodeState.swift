/// What a Node object says about whether pods can run there.
public struct NodeState: Sendable, Hashable {
    /// Why a node cannot run pods.
    public enum Fault: Sendable, Hashable {
        /// Its kubelet does not report: it is stopped, or the host is down or cut off. What ran there may still run.
        case silent
        /// Its kubelet reports, and gets no answer from the container runtime.
        case runtimeDown
        /// Its network plugin is not ready.
        case networkNotReady
        /// It says so for another reason.
        case notReady
    }

    /// The node's name.
    public let name: String
    /// Why it cannot run pods; `nil` where it can.
    public let fault: Fault?
    /// The kubelet's or node controller's own words about the fault.
    public let message: String
    /// Whether it was told to take no new pods.
    public let isCordoned: Bool
    /// The kubelet's version.
    public let kubelet: String
    /// The container runtime's name, such as `containerd`.
    public let runtime: String

    /// Reads a Node object.
    public init(_ node: JSONValue) {
        name = node["metadata", "name"]?.string ?? "?"
        isCordoned = node["spec", "unschedulable"]?.bool ?? false
        kubelet = node["status", "nodeInfo", "kubeletVersion"]?.string ?? "unknown"
        let runtime = node["status", "nodeInfo", "containerRuntimeVersion"]?.string ?? ""
        self.runtime = runtime.firstRange(of: "://").map { String(runtime[..<$0.lowerBound]) } ?? "container runtime"
        let ready = node.condition("Ready")
        let text = ready.map { $0.message.isEmpty ? $0.reason : $0.message } ?? "it never reported"
        message = text.hasSuffix(".") ? String(text.dropLast()) : text
        fault = Self.fault(ready)
    }

    /// The status tells a silent kubelet; for what a kubelet complains of there is one reason, and only its text differs.
    private static func fault(_ ready: Condition?) -> Fault? {
        guard let ready, ready.status != "Unknown" else { return .silent }
        if ready.status == "True" { return nil }
        func says(_ marks: String...) -> Bool { marks.contains { ready.message.contains($0) } }
        if says("container runtime is down", "PLEG is not healthy", "container runtime status check") {
            return .runtimeDown
        }
        if says("NetworkPluginNotReady", "NetworkReady=false", "cni plugin not initialized") { return .networkNotReady }
        return .notReady
    }

    /// What to do about the fault.
    public var remedy: String {
        let meanwhile = "the other nodes keep serving meanwhile"
        return switch fault {
        case .silent, nil:
            "bring the node's kubelet back: see whether \(name) is up, and `systemctl status kubelet` there; \(meanwhile)"
        case .runtimeDown:
            "bring the node's container runtime back: `systemctl status \(runtime)` on \(name); \(meanwhile)"
        case .networkNotReady:
            "bring the node's network plugin back: see its pod on \(name) (Calico: `kubectl -n kube-system get pods -o wide`)"
        case .notReady:
            "mend what node \(name) names: `kubectl describe node \(name)`; \(meanwhile)"
        }
    }
}

extension Snapshot {
    /// The state of the node that a pod is on; `nil` where it is on none, or the node was not seen.
    func node(of pod: Pod) -> NodeState? {
        pod.node.flatMap { object("Node", named: $0) }.map { NodeState($0) }
    }

    /// The trouble of a pod whose node cannot run it.
    func nodeTrouble(of pod: Pod) -> Trouble? {
        guard let node = node(of: pod), let fault = node.fault else { return nil }
        let (code, sentence): (Trouble.Code, String) =
            switch fault {
            case .silent, .notReady, .networkNotReady:
                (.nodeNotReady, "node \(node.name) is not ready (\(node.message))")
            case .runtimeDown: (.runtimeDown, "the container runtime of node \(node.name) is down (\(node.message))")
            }
        // The node controller has waited for some forty seconds of silence before it says so.
        return Trouble(
            code, "\(pod.words): \(sentence)", remedy: node.remedy, pod: pod.name, patience: Trouble.settled)
    }
}
