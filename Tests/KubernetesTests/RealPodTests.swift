import ClientKit
import Foundation
import Kubernetes
import TestSupport
import Testing

/// The rehearsal cluster.
private enum Lab {
    /// Its `lab` program.
    static let program = ProcessInfo.processInfo.environment["RUNNER_LAB"]
}

/// What only real pods can prove, on the rehearsal cluster whose `lab` program RUNNER_LAB names.
@Suite(.serialized, .enabled(if: Lab.program != nil, "RUNNER_LAB does not name the lab program"))
final class RealPodTests {
    private let namespace = "kubernetes-tests-\(UUID().uuidString.prefix(8).lowercased())"
    private let writer: ClusterWriter

    init() async throws {
        let shell = LocalShell(
            hostName: "k8s-master-01",
            prefix: [try #require(Lab.program), "shell", "k8s-master-01"])
        writer = ClusterWriter(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
    }

    /// Applies objects in a namespace of their own, waits for a workload, and removes the namespace whatever came of it.
    private func wait(
        for workloads: [Workload], _ manifests: [any Manifest]
    ) async throws -> Result<Duration, any Error> {
        let home = Samples.namespace(namespace)
        try await writer.apply([home])
        try await writer.apply(manifests)
        let start = ContinuousClock.now
        let result: Result<Duration, any Error>
        do {
            try await writer.reader.wait(
                for: workloads, namespace: namespace, WaitOptions(limit: .seconds(60)))
            result = .success(ContinuousClock.now - start)
        } catch {
            result = .failure(error)
        }
        #expect(
            ContinuousClock.now - start < .seconds(45), "named within seconds, not at the limit")
        try await writer.delete([home.reference])
        return result
    }

    private func problem(_ workload: Workload, _ manifests: [any Manifest]) async throws -> Problem? {
        let result = try await wait(for: [workload], manifests)
        guard case .failure(let error as KubernetesError) = result,
            case .problem(let problem) = error.code
        else {
            Issue.record("\(result)")
            return nil
        }
        return problem
    }

    private func pod(
        _ script: String, image: String = "registry.lab/pause:1", pullSecrets: [String] = [],
        restartPolicy: String? = nil,
        envFrom: [EnvironmentSource]? = nil
    ) -> PodTemplate {
        PodTemplate(
            labels: ["app": "probe"],
            spec: PodSpec(
                containers: [
                    Container(
                        name: "app", image: image, command: ["/bin/busybox", "sh", "-c", script],
                        envFrom: envFrom)
                ], restartPolicy: restartPolicy,
                imagePullSecrets: pullSecrets.map(NameReference.init(name:)),
                terminationGracePeriodSeconds: 1))
    }

    /// Without a readiness probe a pod is available the moment it runs, even if it ends in the next: hence the five seconds.
    private func deployment(_ pod: PodTemplate) -> Deployment {
        Deployment(
            metadata: ObjectMeta(name: "probe", namespace: namespace),
            spec: .init(
                replicas: 1, selector: LabelSelector(matchLabels: ["app": "probe"]), template: pod,
                minReadySeconds: 5))
    }

    private func job(_ script: String) -> Job {
        Job(
            metadata: ObjectMeta(name: "probe", namespace: namespace),
            spec: .init(template: pod(script, restartPolicy: "Never")))
    }

    @Test func aRolloutAndAJobComeToTheirEnd() async throws {
        let result = try await wait(
            for: [.deployment("probe"), .job("probe")],
            [deployment(pod("exec /bin/busybox sleep 100000")), job("exit 0")])
        guard case .success = result else {
            Issue.record("\(result)")
            return
        }
    }

    @Test func aFailedJobIsToldWithItsLastWords() async throws {
        let problem = try await problem(
            .job("probe"), [job("echo starting; echo 'rails aborted!' >&2; exit 3")])
        #expect(problem?.code == .jobFailed)
        #expect(problem?.logTail == ["starting", "rails aborted!"])
        #expect(
            problem?.summary.contains(
                "exited with status 3; its log ends with: starting ⏎ rails aborted!") == true)
    }

    @Test func aCrashLoopIsToldWithItsLastWords() async throws {
        let problem = try await problem(
            .deployment("probe"), [deployment(pod("echo 'password authentication failed'; exit 1"))]
        )
        #expect(problem?.code == .crashLoop)
        #expect(problem?.logTail == ["password authentication failed"])
    }

    @Test func aMissingSecretIsNamed() async throws {
        let problem = try await problem(
            .deployment("probe"), [deployment(pod("true", envFrom: [.secret("chatwoot-secrets")]))])
        #expect(problem?.code == .missingConfiguration)
        #expect(
            problem?.summary.hasSuffix(
                "cannot create container app: secret \"chatwoot-secrets\" not found") == true)
    }

    @Test func aRefusedPullNamesWhatIsWrongWithItsSecret() async throws {
        let secret = SecretObject(
            metadata: ObjectMeta(name: "ghcr-secret", namespace: namespace),
            type: "kubernetes.io/dockerconfigjson",
            data: [
                ".dockerconfigjson": Secret(
                    #"{"auths":{"ghcr.io":{"auth":"a2V5YnV6ejp3cm9uZw=="}}}"#)
            ])
        let problem = try await problem(
            .deployment("probe"),
            [
                secret,
                deployment(
                    pod(
                        "true", image: "ghcr.io/keybuzzio/never-pulled:v1",
                        pullSecrets: ["ghcr-secret"])),
            ])
        #expect(problem?.code == .pullUnauthorized)
        #expect(
            problem?.summary.hasSuffix(
                "; ghcr.io rejects user keybuzz with the token in Secret ghcr-secret") == true)
    }
}
