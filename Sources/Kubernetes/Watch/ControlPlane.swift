import Foundation

/// Whether the scheduler and the controller manager work, by the leases that they renew every two
/// seconds.
///
/// A control plane without leader election has no such leases; nothing is reported then.
public struct ControlPlane: Sendable, Hashable {
    /// A component that has not renewed its lease for longer than a leader election takes.
    public struct StaleComponent: Sendable, Hashable {
        /// Its name: `kube-scheduler`.
        public let name: String
        /// The last holder of the lease.
        public let holder: String
        /// The time since the last renewal, in seconds.
        public let seconds: Int

        /// `kube-scheduler has not renewed its lease for 73 s (last held by k8s-master-01)`.
        public var summary: String {
            "\(name) has not renewed its lease for \(seconds) s (last held by \(holder))"
        }

        /// What to do about it.
        public var remedy: String {
            "restart \(name) on the masters (`crictl ps -a | grep \(name)`, and check its log), "
                + "then run again"
        }
    }

    /// The components that have a lease.
    public let found: [String]
    /// Those of them that do not renew it.
    public let stale: [StaleComponent]

    static let names = ["kube-scheduler", "kube-controller-manager"]

    init(leases: [JSONValue], now: Date) {
        let known = leases.filter { Self.names.contains($0["metadata", "name"]?.string ?? "") }
        found = known.compactMap { $0["metadata", "name"]?.string }
        stale = known.compactMap { lease in
            guard let name = lease["metadata", "name"]?.string,
                let renewed = lease["spec", "renewTime"]?.string.flatMap(Timestamp.date)
            else { return nil }
            let age = now.timeIntervalSince(renewed)
            // Within one term, a failed leader is replaced by another.
            guard age > 2 * Double(lease["spec", "leaseDurationSeconds"]?.integer ?? 15) else {
                return nil
            }
            let holder = lease["spec", "holderIdentity"]?.string?.split(separator: "_").first.map(
                String.init)
            return StaleComponent(name: name, holder: holder ?? "nobody", seconds: Int(age))
        }
    }
}

extension ClusterReader {
    /// Reads the leases of scheduler and controller manager, and the API server's time.
    public func controlPlane() async throws(KubernetesError) -> ControlPlane {
        let leases = try await get(
            ControlPlane.names.map {
                ObjectReference(
                    apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "kube-system",
                    name: $0)
            })
        return ControlPlane(
            leases: leases, now: leases.isEmpty ? .distantPast : try await serverTime())
    }

    /// The same problem, with the component of the control plane that causes it, where its lease
    /// shows that.
    func namingControlPlane(of problem: Problem) async throws(KubernetesError) -> Problem {
        let name =
            problem.code == .notScheduled ? "kube-scheduler" : "kube-controller-manager"
        guard let stale = try await controlPlane().stale.first(where: { $0.name == name }) else {
            return problem
        }
        var result = problem
        result.summary += "; \(stale.summary)"
        result.remedy = stale.remedy
        return result
    }
}
