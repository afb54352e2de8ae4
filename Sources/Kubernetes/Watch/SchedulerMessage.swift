/// The scheduler's message about a pod that fits no node; it is available only as text.
///
/// `0/8 nodes are available: 3 Insufficient cpu, 5 node(s) had … .`, followed by what preemption
/// and dynamic resource allocation would not help with.
struct SchedulerMessage {
    /// What each node lacks, without the rest.
    let text: String
    /// The resources that nodes lack, sorted.
    let shortOf: [String]
    /// Whether a node is cordoned.
    let namesCordoned: Bool
    /// Whether a node is not ready.
    let namesNotReady: Bool

    init(_ message: String) {
        var text = message[...]
        for tail in [" no new claims to deallocate", " preemption:"] {
            if let range = text.firstRange(of: tail) { text = text[..<range.lowerBound] }
        }
        while let last = text.last, " .,;".contains(last) { text.removeLast() }
        self.text = String(text)
        let resources = text.matches(of: /Insufficient ([^\s,.]+(?:\.[^\s,.]+)*)/)
        shortOf = Set(resources.map { String($0.1) }).sorted()
        func names(_ marks: String...) -> Bool { marks.contains { text.contains($0) } }
        namesCordoned = names("were unschedulable", "node.kubernetes.io/unschedulable")
        namesNotReady = names("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    }
}
