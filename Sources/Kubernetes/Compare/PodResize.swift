/// Pods whose containers were resized in place (`kubectl patch pod --subresource resize`, from 1.33
/// on).
///
/// The pod template does not change with them, so that the next pod has the old size again. Only
/// resources that the template sets count, and only where the pod's `managedFields` record a
/// resize: what admission, a LimitRange or an injected container adds is there when the pod is
/// created.
enum PodResize {
    /// The resized fields of the Deployment's pods, among the ReplicaSets and pods of its
    /// namespace.
    ///
    /// Empty while the controllers have not observed the current template, since the pods are
    /// replaced then anyway.
    static func fields(of deployment: JSONValue, among objects: [JSONValue]) -> [FieldDifference] {
        let generation = deployment["metadata", "generation"]?.integer ?? 0
        guard deployment["status", "observedGeneration"]?.integer ?? 0 >= generation else {
            return []
        }
        let revision = deployment.revision
        let owners = objects.filter {
            $0["kind"] == "ReplicaSet" && $0.revision == revision && $0.isOwned(by: deployment)
        }
        let pods = objects.filter { pod in
            pod["kind"] == "Pod" && pod["metadata", "deletionTimestamp"] == nil
                && !pod.isEndedPod
                && owners.contains { pod.isOwned(by: $0) }
        }
        let template = deployment["spec", "template", "spec", "containers"]?.elements ?? []
        return pods.sorted { $0.name < $1.name }.flatMap { pod in
            template.flatMap { fields(of: pod, container: $0) }
        }
    }

    private static func fields(
        of pod: JSONValue, container template: JSONValue
    ) -> [FieldDifference] {
        let managers = FieldManagers(of: pod)
        let container: [FieldStep] = [
            .field("spec"), .field("containers"), .element(["name": template["name"] ?? .null]),
        ]
        return ["limits", "requests"].flatMap { kind in
            (template["resources", kind]?.strings ?? [:]).sorted { $0.key < $1.key }.compactMap {
                resource, wanted in
                let path = container + [.field("resources"), .field(kind), .field(resource)]
                let present = pod.value(at: path)?.string
                guard present != wanted, let manager = managers.manager(of: path, through: "resize")
                else { return nil }
                return FieldDifference(
                    path: "pods[\(pod.name)].\(path.displayText)", old: present, new: wanted,
                    managedBy: manager.name,
                    managedAt: manager.time)
            }
        }
    }
}

extension JSONValue {
    fileprivate var name: String { self["metadata", "name"]?.string ?? "" }

    fileprivate var revision: String? {
        self["metadata", "annotations"]?.strings["deployment.kubernetes.io/revision"]
    }

    fileprivate func isOwned(by owner: JSONValue) -> Bool {
        owner.uid != nil
            && (self["metadata", "ownerReferences"]?.elements ?? []).contains {
                $0["uid"]?.string == owner.uid
            }
    }
}
