/// Whether a node can run pods, according to its status.
public struct NodeState: Sendable, Hashable {
    /// Why a node cannot run pods.
    public enum Fault: Sendable, Hashable {
        /// Its kubelet does not report: it is stopped, or the host is down or unreachable.
        /// Containers may still be running.
        case silent
        /// Its kubelet reports that the container runtime does not respond.
        case runtimeDown
        /// Its network plugin is not ready.
        case networkNotReady
        /// It is not ready for another reason.
        case notReady
    }

    /// The node's name.
    public let name: String
    /// Why it cannot run pods; `nil` where it can.
    public let fault: Fault?
    /// The message of the kubelet or the node controller about the fault.
    public let message: String
    /// Whether it is cordoned.
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
        self.runtime =
            runtime.firstRange(of: "://").map { String(runtime[..<$0.lowerBound]) }
            ?? "container runtime"
        let ready = node.condition("Ready")
        let text = ready.map { $0.message.isEmpty ? $0.reason : $0.message } ?? "it never reported"
        message = text.hasSuffix(".") ? String(text.dropLast()) : text
        fault = Self.fault(ready)
    }

    /// The status `Unknown` means a silent kubelet; what a kubelet reports itself has one reason,
    /// so that only the message distinguishes it.
    private static func fault(_ ready: Condition?) -> Fault? {
        guard let ready, ready.status != "Unknown" else { return .silent }
        if ready.status == "True" { return nil }
        func says(_ marks: String...) -> Bool { marks.contains { ready.message.contains($0) } }
        if says(
            "container runtime is down", "PLEG is not healthy", "container runtime status check")
        {
            return .runtimeDown
        }
        if says("NetworkPluginNotReady", "NetworkReady=false", "cni plugin not initialized") {
            return .networkNotReady
        }
        return .notReady
    }

    /// What to do about the fault.
    public var remedy: String {
        let meanwhile = "the other nodes keep serving in the meantime"
        return switch fault {
        case .silent, nil:
            "restore the node's kubelet: check that \(name) is up, "
                + "then `systemctl status kubelet` there; \(meanwhile)"
        case .runtimeDown:
            "restore the node's container runtime: `systemctl status \(runtime)` on \(name); "
                + meanwhile
        case .networkNotReady:
            "restore the node's network plugin: check its pod on \(name) "
                + "(Calico: `kubectl -n kube-system get pods -o wide`)"
        case .notReady:
            "fix what `kubectl describe node \(name)` reports; \(meanwhile)"
        }
    }
}
