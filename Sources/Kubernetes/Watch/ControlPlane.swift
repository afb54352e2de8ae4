import Foundation

/// Whether the scheduler and the controller manager work, by the leases that they renew every two seconds.
///
/// A cluster whose control plane has no leader election has no such leases, and nothing is said then.
public struct ControlPlane: Sendable, Hashable {
    /// A program that has not renewed its lease for longer than a change of leaders takes.
    public struct Silent: Sendable, Hashable {
        /// Its name: `kube-scheduler`.
        public let name: String
        /// Who had the lease last.
        public let holder: String
        /// For how long it has not been renewed, in seconds.
        public let seconds: Int

        /// `kube-scheduler has not renewed its lease for 73 s (held last by k8s-master-01)`.
        public var words: String {
            "\(name) has not renewed its lease for \(seconds) s (held last by \(holder))"
        }

        /// What to do about it.
        public var remedy: String {
            "start \(name) again on the masters: `crictl ps -a | grep \(name)` and its log; then run again"
        }
    }

    /// The programs whose lease was found.
    public let found: [String]
    /// Those of them that do not work.
    public let silent: [Silent]

    static let names = ["kube-scheduler", "kube-controller-manager"]

    init(leases: [JSONValue], now: Date) {
        let known = leases.filter { Self.names.contains($0["metadata", "name"]?.string ?? "") }
        found = known.compactMap { $0["metadata", "name"]?.string }
        silent = known.compactMap { lease in
            guard let name = lease["metadata", "name"]?.string,
                let renewed = lease["spec", "renewTime"]?.string.flatMap(Timestamp.date)
            else { return nil }
            let age = now.timeIntervalSince(renewed)
            // A leader that dies is followed by another within one term.
            guard age > 2 * Double(lease["spec", "leaseDurationSeconds"]?.integer ?? 15) else { return nil }
            let holder = lease["spec", "holderIdentity"]?.string?.split(separator: "_").first.map(String.init)
            return Silent(name: name, holder: holder ?? "nobody", seconds: Int(age))
        }
    }
}

extension ClusterReader {
    /// Reads the leases of scheduler and controller manager, and the API server's clock to compare them with.
    public func controlPlane() async throws(KubernetesError) -> ControlPlane {
        let leases = try await get(
            ControlPlane.names.map {
                ObjectReference(apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "kube-system", name: $0)
            })
        return ControlPlane(leases: leases, now: leases.isEmpty ? .distantPast : try await serverTime())
    }

    /// The same trouble, with the part of the control plane that does not work, where its lease says so.
    func namingControlPlane(_ trouble: Trouble) async throws(KubernetesError) -> Trouble {
        let name = trouble.code == .notScheduled ? "kube-scheduler" : "kube-controller-manager"
        guard let silent = try await controlPlane().silent.first(where: { $0.name == name }) else { return trouble }
        var result = trouble
        result.sentence += "; \(silent.words)"
        result.remedy = silent.remedy
        return result
    }
}
