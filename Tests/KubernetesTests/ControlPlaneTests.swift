import Foundation
import Testing

@testable import Kubernetes

@Suite struct ControlPlaneTests {
    private func lease(_ name: String, renewed: String, holder: String? = "k8s-master-01_7d1c") -> JSONValue {
        var spec: [String: JSONValue] = ["leaseDurationSeconds": 15, "renewTime": .string(renewed)]
        spec["holderIdentity"] = holder.map { .string($0) }
        return ["kind": "Lease", "metadata": ["name": .string(name)], "spec": .object(spec)]
    }

    private let now = Timestamp.date("2026-11-25T10:00:00Z") ?? .distantPast

    @Test func whoRenewsWorks() {
        let plane = ControlPlane(
            leases: [
                lease("kube-scheduler", renewed: "2026-11-25T09:59:58.123456Z"),
                // A leader died; the next one takes over within a term.
                lease("kube-controller-manager", renewed: "2026-11-25T09:59:31.000000Z"),
            ], now: now)
        #expect(plane.found == ["kube-scheduler", "kube-controller-manager"])
        #expect(plane.stale.isEmpty)
    }

    @Test func whoDoesNotIsNamedWithItsLastHolder() {
        let plane = ControlPlane(
            leases: [
                lease("kube-scheduler", renewed: "2026-11-25T09:58:47.000000Z"),
                lease("kube-controller-manager", renewed: "2026-11-25T09:59:59.000000Z"),
            ], now: now)
        #expect(
            plane.stale.map(\.summary) == [
                "kube-scheduler has not renewed its lease for 73 s (last held by k8s-master-01)"
            ])
    }

    @Test func aClusterWithoutLeasesIsNotAccused() {
        #expect(ControlPlane(leases: [], now: .distantPast).stale.isEmpty)
        #expect(ControlPlane(leases: [["metadata": ["name": "kube-scheduler"]]], now: now).stale.isEmpty)
    }
}
