import ClientKit
import Testing

@testable import Kubernetes

/// Waits whose answers come from a script, in namespace `probe`.
protocol ScriptedWaiting {}

extension ScriptedWaiting {
    var look: [String] {
        [
            "get", "deployments.apps,replicasets.apps,jobs.batch,pods,events,nodes", "-o", "json",
            "--namespace", "probe",
        ]
    }

    /// What one look at the namespace of a fixture answers.
    func look(at fixture: String) throws -> ScriptedShell.Exchange {
        let items = try Fixtures.json("verdicts/\(fixture).json")["items"]?.elements ?? []
        return .read(look, out: String(decoding: JSONValue.list(items).serialized(), as: UTF8.self))
    }

    func looks(_ fixtures: String...) throws -> [ScriptedShell.Exchange] {
        try fixtures.map { try look(at: $0) }
    }

    func reader(_ shell: ScriptedShell) -> ClusterReader {
        ClusterReader(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
    }

    func failure(
        _ shell: ScriptedShell, _ workload: Workload, limit: TimeLimit = .seconds(300),
        progress: @escaping @Sendable (WaitProgress) -> Void = { _ in }
    ) async -> KubernetesError? {
        let options = WaitOptions(limit: limit, clock: LeapingClock(), progress: progress)
        return await #expect(throws: KubernetesError.self) {
            try await reader(shell).wait(for: [workload], namespace: "probe", options)
        }
    }

    /// The answer to reading one object, or nothing where it is `nil`.
    func read(_ object: JSONValue?) -> ScriptedShell.Exchange {
        .read(
            ["get", "--ignore-not-found", "-o", "json", "-f", "-"],
            out: object.map { String(decoding: $0.serialized(), as: UTF8.self) } ?? "")
    }
}
