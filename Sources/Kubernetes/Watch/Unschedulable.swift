/// The scheduler's answer for a pod that no node takes, which is text and nothing else.
///
/// `0/8 nodes are available: 3 Insufficient cpu, 5 node(s) had … .`, with what follows about preemption and dynamic resources.
struct SchedulerAnswer {
    /// What each node lacks, without what would not help anyway.
    let words: String
    /// The resources that nodes lack, sorted.
    let shortOf: [String]
    /// Whether some node was told to take no new pods.
    let namesCordoned: Bool
    /// Whether some node is not ready.
    let namesNotReady: Bool

    init(_ message: String) {
        var text = message[...]
        for tail in [" no new claims to deallocate", " preemption:"] {
            if let range = text.firstRange(of: tail) { text = text[..<range.lowerBound] }
        }
        while let last = text.last, " .,;".contains(last) { text.removeLast() }
        words = String(text)
        shortOf = Set(text.matches(of: /Insufficient ([^\s,.]+(?:\.[^\s,.]+)*)/).map { String($0.1) }).sorted()
        namesCordoned = ["were unschedulable", "node.kubernetes.io/unschedulable"].contains { text.contains($0) }
        namesNotReady = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].contains {
            text.contains($0)
        }
    }
}

extension Snapshot {
    /// The trouble of a pod that the scheduler found no node for.
    func unschedulable(_ pod: Pod, _ message: String) -> Trouble {
        let answer = SchedulerAnswer(message)
        let resources = answer.shortOf.joined(separator: " and ")
        var remedies: [String] = []
        if answer.namesCordoned {
            let nodes = cordonedNodes.isEmpty ? "NODE" : cordonedNodes.joined(separator: " ")
            remedies.append("`kubectl uncordon \(nodes)`, once its maintenance is over")
        }
        if answer.namesNotReady { remedies.append("bring the nodes back that are not ready: `kubectl get nodes`") }
        if !resources.isEmpty {
            remedies.append("free \(resources) on the workers, add one, or ask for less in the inventory")
        }
        if remedies.isEmpty { remedies = ["make a node fit: the answer names what each one lacks"] }
        return Trouble(
            .unschedulable,
            "\(pod.words) finds no node\(resources.isEmpty ? "" : " with enough \(resources)"): \(answer.words)",
            remedy: remedies.joined(separator: "; or "), pod: pod.name, patience: Trouble.settled)
    }
}
