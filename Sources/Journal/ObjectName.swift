/// An object as people name it: `deployment/web`, `Deployment support/web`, `database/support`, or its
/// name alone.
public struct ObjectName: Sendable, Hashable, CustomStringConvertible {
    /// As it was given.
    public let description: String
    private let words: [String]

    /// Nil where `text` names nothing.
    public init?(_ text: String) {
        description = text
        words = Self.words(text)
        if words.isEmpty { return nil }
    }

    /// Whether `change` is about the object.
    func isChanged(by change: RecordedChange) -> Bool {
        if let object = change.object {
            let words = Self.words(object)
            return words.last == self.words.last && isPrecededByTheRest(in: words.dropLast())
        }
        // Formats 1 and 2 have the words only, in which the kind and namespace come just before.
        let words = Self.words(change.words)
        return words.indices.contains { index in
            words[index] == self.words.last && isPrecededByTheRest(in: words[..<index].suffix(2))
        }
    }

    private func isPrecededByTheRest(in words: ArraySlice<String>) -> Bool {
        var rest = self.words.dropLast()
        for word in words where word == rest.first { rest = rest.dropFirst() }
        return rest.isEmpty
    }

    private static func words(_ text: String) -> [String] {
        text.split { $0.isWhitespace || "/\"',;()".contains($0) }.compactMap { part in
            let word = part.lowercased().trimmingSuffix(":")
            return word.isEmpty ? nil : kinds[word] ?? word
        }
    }

    /// Short forms and plurals that kubectl knows.
    private static let kinds: [String: String] = {
        var kinds = [
            "deploy": "deployment", "po": "pod", "svc": "service", "cm": "configmap", "ns": "namespace",
            "ing": "ingress",
            "ingresses": "ingress", "sts": "statefulset", "ds": "daemonset", "sa": "serviceaccount",
            "hpa": "horizontalpodautoscaler", "pdb": "poddisruptionbudget",
            "poddisruptionbudgets": "poddisruptionbudget",
            "netpol": "networkpolicy", "networkpolicies": "networkpolicy", "pvc": "persistentvolumeclaim", "no": "node",
        ]
        for kind in [
            "deployment", "pod", "service", "configmap", "secret", "namespace", "statefulset", "daemonset", "job",
            "cronjob",
            "serviceaccount", "horizontalpodautoscaler", "persistentvolumeclaim", "node", "role", "database",
        ] { kinds["\(kind)s"] = kind }
        return kinds
    }()
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: Character) -> String {
        last == suffix ? String(dropLast()).trimmingSuffix(suffix) : self
    }
}
