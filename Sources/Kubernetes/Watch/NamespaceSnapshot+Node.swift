extension NamespaceSnapshot {
    /// The problem of a pod whose node cannot run it.
    func nodeProblem(of pod: Pod) -> Problem? {
        guard let object = pod.node.flatMap({ object("Node", named: $0) }) else { return nil }
        let node = NodeState(object)
        guard let fault = node.fault else { return nil }
        let (code, cause): (Problem.Code, String) =
            switch fault {
            case .silent, .notReady, .networkNotReady:
                (.nodeNotReady, "node \(node.name) is not ready (\(node.message))")
            case .runtimeDown:
                (
                    .runtimeDown,
                    "the container runtime of node \(node.name) is down (\(node.message))"
                )
            }
        // The node controller reports a silent node only after some forty seconds.
        return Problem(
            code, summary: "\(pod): \(cause)", remedy: node.remedy, pod: pod.name,
            gracePeriod: GracePeriod.shortage)
    }

    /// The problem of a pod that the scheduler must not process yet.
    func gated(_ pod: Pod) -> Problem {
        let gates = pod.schedulingGates.joined(separator: ", ")
        return Problem(
            .unschedulable, summary: "\(pod) is kept from the scheduler by its scheduling gates: \(gates)",
            remedy: "check the controller that sets and removes these gates: "
                + "nothing else removes them from the pod",
            pod: pod.name, gracePeriod: GracePeriod.controlPlane)
    }

    /// The problem of a pod for which the scheduler found no node.
    func unschedulable(_ pod: Pod, message: String) -> Problem {
        let message = SchedulerMessage(message)
        let resources = message.shortOf.joined(separator: " and ")
        var remedies: [String] = []
        if message.namesCordoned {
            let nodes = cordonedNodes.isEmpty ? "NODE" : cordonedNodes.joined(separator: " ")
            remedies.append("run `kubectl uncordon \(nodes)` once the maintenance is over")
        }
        if message.namesNotReady {
            remedies.append("bring back the nodes that are not ready: `kubectl get nodes`")
        }
        if !resources.isEmpty {
            remedies.append(
                "free \(resources) on the workers, add a worker, or request less in the inventory")
        }
        if remedies.isEmpty {
            remedies = ["make a node match: the message names what each of them lacks"]
        }
        let shortage = resources.isEmpty ? "no node fits" : "no node has enough \(resources) for"
        return Problem(
            .unschedulable, summary: "\(shortage) \(pod): \(message.text)",
            remedy: remedies.joined(separator: "; or "), pod: pod.name,
            gracePeriod: GracePeriod.shortage)
    }
}
