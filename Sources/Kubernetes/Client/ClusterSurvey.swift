import ClientKit

/// A cache of everything in one namespace that the steps ask for, read with one command.
///
/// A ``ClusterReader`` answers from it until it is discarded, so that many questions about
/// the same moment cost one command. Code that changes something, or waits for a change, calls
/// ``forget()`` first.
public actor ClusterSurvey {
    private var namespace: String?
    private var objects: [String: [JSONValue]] = [:]
    /// Whether the last comparison found that an object needs nothing but a server-side apply.
    ///
    /// Survives ``forget()``, for the apply that follows.
    private var needsOnlyApply: [ObjectReference: Bool] = [:]

    /// Starts empty.
    public init() {}

    /// The resources that are listed, with the kind of their objects.
    private static let kinds = [
        "deployments.apps": "Deployment", "replicasets.apps": "ReplicaSet", "jobs.batch": "Job",
        "pods": "Pod",
        "events": "Event", "nodes": "Node", "namespaces": "Namespace", "services": "Service",
        "endpoints": "Endpoints",
        "configmaps": "ConfigMap", "secrets": "Secret", "ingresses.networking.k8s.io": "Ingress",
        "poddisruptionbudgets.policy": "PodDisruptionBudget",
        "horizontalpodautoscalers.autoscaling": "HorizontalPodAutoscaler",
    ]
    private static let clusterWide: Set = ["Node", "Namespace"]
    static let resources = kinds.keys.sorted()

    /// Forgets what was read: from now on requests go to the cluster.
    public func forget() {
        namespace = nil
        objects = [:]
    }

    func remember(_ items: [JSONValue], of namespace: String) {
        self.namespace = namespace
        objects = Dictionary(grouping: items) { $0["kind"]?.string ?? "" }
    }

    func note(needsOnlyApply seen: [ObjectReference: Bool]) {
        needsOnlyApply.merge(seen) { _, new in new }
    }

    /// Whether each of `references` was compared and needs nothing but a server-side apply.
    func needsOnlyApply(_ references: [ObjectReference]) -> Bool {
        references.allSatisfy { needsOnlyApply[$0] == true }
    }

    /// The objects of `references` that exist; `nil` where one of them was not covered.
    func get(_ references: [ObjectReference]) -> [JSONValue]? {
        var found: [JSONValue] = []
        for reference in references {
            guard covers(kind: reference.kind, in: reference.namespace) else { return nil }
            let named = (objects[reference.kind] ?? []).filter {
                $0["metadata", "name"]?.string == reference.name
            }
            guard let object = named.first else { continue }
            // A server may list a kind in a version other than the requested one.
            guard object.reference == reference else { return nil }
            found.append(object)
        }
        return found
    }

    /// The objects of these resources; `nil` where one of them was not covered.
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
    /// The same reader, answering from `survey` where that covers the question.
    public func answering(from survey: ClusterSurvey) -> ClusterReader {
        var reader = self
        reader.survey = survey
        return reader
    }

    /// Fills this reader's survey with the objects of `namespace`, with one command.
    ///
    /// Where the server does not answer in time, its readiness is checked: the error then names
    /// what fails there.
    public func makeSurvey(of namespace: String) async throws(KubernetesError) {
        do throws(KubernetesError) {
            await survey?.remember(
                try await quick(Self.surveyTimeout).list(
                    ClusterSurvey.resources, namespace: namespace,
                    options: ["--show-managed-fields"]),
                of: namespace)
        } catch {
            if error.kind == .unreachable { try await requireReady() }
            throw error
        }
    }

    /// A survey usually takes 0.2 s; where it takes longer than this, the caller falls back to
    /// smaller requests with longer time limits.
    private static let surveyTimeout: Duration = .seconds(5)
}
