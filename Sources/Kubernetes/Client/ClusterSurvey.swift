import ClientKit

/// Everything that matters of one namespace, read with one command; a ``ClusterReader`` answers from it until it is forgotten.
///
/// Many questions about one moment then cost one command. Whoever changes something, or waits for a change, forgets it first.
public actor ClusterSurvey {
    private var namespace: String?
    private var objects: [String: [JSONValue]] = [:]
    /// Whether the last comparison of an object saw that one apply does all; kept when the rest is forgotten, for the apply
    /// that follows.
    private var plain: [ObjectReference: Bool] = [:]

    /// Knows nothing yet.
    public init() {}

    /// What is listed, and the kind that each resource's objects have; nodes and namespaces are listed cluster-wide.
    private static let kinds = [
        "deployments.apps": "Deployment", "replicasets.apps": "ReplicaSet", "jobs.batch": "Job", "pods": "Pod",
        "events": "Event", "nodes": "Node", "namespaces": "Namespace", "services": "Service", "endpoints": "Endpoints",
        "configmaps": "ConfigMap", "secrets": "Secret", "ingresses.networking.k8s.io": "Ingress",
        "poddisruptionbudgets.policy": "PodDisruptionBudget",
        "horizontalpodautoscalers.autoscaling": "HorizontalPodAutoscaler",
    ]
    private static let clusterWide: Set = ["Node", "Namespace"]
    static let resources = kinds.keys.sorted()

    /// Forgets what was read: from now on the cluster itself is asked.
    public func forget() {
        namespace = nil
        objects = [:]
    }

    func remember(_ items: [JSONValue], of namespace: String) {
        self.namespace = namespace
        objects = Dictionary(grouping: items) { $0["kind"]?.string ?? "" }
    }

    func note(plain seen: [ObjectReference: Bool]) {
        plain.merge(seen) { _, new in new }
    }

    /// Whether each of `references` was compared, and one apply does all that is to be done about it.
    func sawOnlyPlain(_ references: [ObjectReference]) -> Bool {
        references.allSatisfy { plain[$0] == true }
    }

    /// The objects of `references` that exist; `nil` where one of them is outside of what was read.
    func get(_ references: [ObjectReference]) -> [JSONValue]? {
        var found: [JSONValue] = []
        for reference in references {
            guard covers(kind: reference.kind, in: reference.namespace) else { return nil }
            let named = (objects[reference.kind] ?? []).filter {
                $0["metadata", "name"]?.string == reference.name
            }
            guard let object = named.first else { continue }
            // A server may list a kind in another version than the one that is asked for.
            guard object.reference == reference else { return nil }
            found.append(object)
        }
        return found
    }

    /// What a list of these resources holds; `nil` where one of them is outside of what was read.
    func list(_ resources: [String], namespace: String?, labels: [String: String]) -> [JSONValue]? {
        guard let namespace, namespace == self.namespace else { return nil }
        var found: [JSONValue] = []
        for resource in resources {
            guard let kind = Self.kinds[resource] else { return nil }
            found += (objects[kind] ?? []).filter { object in
                let own = object["metadata", "labels"]?.strings ?? [:]
                return labels.allSatisfy { own[$0.key] == $0.value }
            }
        }
        return found
    }

    private func covers(kind: String, in namespace: String?) -> Bool {
        guard self.namespace != nil, Self.kinds.values.contains(kind) else { return false }
        return Self.clusterWide.contains(kind) || namespace == self.namespace
    }
}

extension ClusterReader {
    /// The same reader, answering from `survey` what that covers.
    public func answering(from survey: ClusterSurvey) -> ClusterReader {
        var reader = self
        reader.survey = survey
        return reader
    }

    /// Reads everything of `namespace` that matters with one command, for this reader's survey.
    ///
    /// A server that does not answer in time is asked whether it can at all: what it lacks is the error then.
    public func makeSurvey(of namespace: String) async throws(KubernetesError) {
        do throws(KubernetesError) {
            await survey?.remember(
                try await quick(Self.surveyTimeout).list(
                    ClusterSurvey.resources, namespace: namespace, options: ["--show-managed-fields"]),
                of: namespace)
        } catch {
            if error.kind == .unreachable { try await requireReady() }
            throw error
        }
    }

    /// A survey takes a fifth of a second; whoever does not get one in this time asks for less at once, with more patience.
    private static let surveyTimeout: Duration = .seconds(5)
}
