import ClientKit
import Synchronization
import Testing

@testable import Kubernetes

@Suite struct WaitTests {
    private let look = [
        "get", "deployments.apps,replicasets.apps,jobs.batch,pods,events,nodes", "-o", "json", "--namespace", "probe",
    ]

    /// What one look at the namespace of a fixture answers.
    private func look(at fixture: String) throws -> ScriptedShell.Exchange {
        let items = try Fixtures.json("verdicts/\(fixture).json")["items"]?.elements ?? []
        return .read(look, out: String(decoding: JSONValue.list(items).serialized(), as: UTF8.self))
    }

    private func looks(_ fixtures: String...) throws -> [ScriptedShell.Exchange] {
        try fixtures.map { try look(at: $0) }
    }

    private func reader(_ shell: ScriptedShell) -> ClusterReader {
        ClusterReader(shell: shell, kubeconfig: "/root/.kube/config")
    }

    private func failure(
        _ shell: ScriptedShell, _ workload: Workload, limit: Duration = .seconds(300),
        progress: @escaping @Sendable (WaitProgress) -> Void = { _ in }
    ) async -> KubernetesError? {
        let options = WaitOptions(limit: limit, clock: LeapingClock(), progress: progress)
        return await #expect(throws: KubernetesError.self) {
            try await reader(shell).wait(for: [workload], namespace: "probe", options)
        }
    }

    @Test func aRolloutIsWaitedForToItsEnd() async throws {
        let shell = ScriptedShell(try looks("pulling", "pulling", "rollout-done"))
        let seen = Mutex<[WaitProgress]>([])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock()) { step in
            seen.withLock { $0.append(step) }
        }
        try await reader(shell).wait(for: [.deployment("ok")], namespace: "probe", options)

        let steps = seen.withLock { $0 }
        #expect(shell.remaining == 0)
        #expect(steps.map(\.left) == [.seconds(60), .seconds(59)])
        #expect(steps.first?.waitingFor == "Deployment ok")
        #expect(steps.first?.lastSeen.hasPrefix("Deployment ok: 2 of 2 pods new, 0 available; pod ok-") == true)
    }

    @Test func aFailedJobEndsTheWaitAtOnceWithItsLog() async throws {
        let log = ["logs", "--namespace", "probe", "j-fail-xpgsv", "--tail=50", "--container", "app"]
        let shell = ScriptedShell(try looks("job-failed") + [.read(log, out: "one\n\nrails aborted!\n")])
        let error = await failure(shell, .job("j-fail"))
        #expect(shell.remaining == 0)
        guard case .trouble(let trouble)? = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(trouble.code == .jobFailed)
        #expect(trouble.logTail == ["one", "rails aborted!"])
        #expect(error?.kind == .failed)
        #expect(error?.attempt == "wait for Job j-fail in probe")
        #expect(error?.cause.hasSuffix("container app ended with status 1; its log ends: one ⏎ rails aborted!") == true)
    }

    @Test func aPermanentTroubleIsConfirmedThenTold() async throws {
        let shell = ScriptedShell(try looks("configmap-key-missing", "configmap-key-missing", "configmap-key-missing"))
        let error = await failure(shell, .deployment("conf-key"))
        #expect(shell.remaining == 0, "two seconds, one look a second")
        #expect(error?.cause.contains("couldn't find key B in ConfigMap probe/conf") == true)
        #expect(error?.remedy == "create what is missing, under the name that the pod asks for")
    }

    @Test func aTroubleThatPassedIsForgotten() async throws {
        // The same name in all looks: a Deployment that is refused, then done.
        let refused = try look(at: "pull-in-progress")
        let missing = try look(at: "permanent-cause-first")
        let done = try look(at: "scaled-to-none")
        let shell = ScriptedShell([missing, missing, refused, missing, missing, done])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock())
        try await reader(shell).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(shell.remaining == 0)
    }

    @Test func theLimitNamesWhatWasSeenLast() async throws {
        let shell = ScriptedShell(try looks("pulling", "pulling", "pulling", "pulling"))
        let error = await failure(shell, .deployment("ok"), limit: .seconds(3))
        #expect(shell.remaining == 0)
        #expect(error?.cause.hasPrefix("not finished within 3 s; last seen: Deployment ok: 2 of 2 pods new") == true)
        guard case .deadline(nil)? = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func theLimitNamesThePassingTroubleWithItsLog() async throws {
        let pod = "ready-7ff5cd74c9-g979v"
        let log = ["logs", "--namespace", "probe", pod, "--tail=50", "--container", "app"]
        let gone = "Error from server (NotFound): pods \"\(pod)\" not found\n"
        let shell = ScriptedShell(
            try looks("readiness-refused", "readiness-refused", "readiness-refused")
                + [.read(log, err: gone, exit: 1)])
        let error = await failure(shell, .deployment("ready"), limit: .seconds(2))
        #expect(shell.remaining == 0)
        #expect(error?.cause.hasPrefix("not finished within 2 s: Deployment ready: pod \(pod)") == true)
        #expect(error?.cause.contains("Readiness probe failed") == true)
        #expect(error?.cause.contains("its log cannot be read (Error from server (NotFound)") == true)
    }

    @Test func aRefusedPullLooksIntoItsSecrets() async throws {
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": ["name": "otherhost", "namespace": "probe"],
            // {"auths":{"docker.io":{}}}
            "data": [".dockerconfigjson": "eyJhdXRocyI6eyJkb2NrZXIuaW8iOnt9fX0="],
        ]
        let refused = try looks(
            "pull-with-other-registrys-secret", "pull-with-other-registrys-secret", "pull-with-other-registrys-secret")
        let shell = ScriptedShell(
            refused + [
                .read(
                    ["get", "--ignore-not-found", "-o", "json", "-f", "-"],
                    out: String(decoding: secret.serialized(), as: UTF8.self))
            ])
        let error = await failure(shell, .deployment("pull-otherhost"))
        #expect(shell.remaining == 0)
        #expect(
            error?.cause.hasSuffix("; Secret otherhost holds credentials for docker.io, not for ghcr.io") == true)
        #expect(error?.remedy.hasPrefix("make Secret otherhost anew") == true)
    }

    @Test func severalWorkloadsAreOneLook() async throws {
        let items = try ["rollout-done", "job-done"].flatMap {
            try Fixtures.json("verdicts/\($0).json")["items"]?.elements ?? []
        }
        let shell = ScriptedShell([
            .read(look, out: String(decoding: JSONValue.list(items).serialized(), as: UTF8.self))
        ])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock())
        try await reader(shell).wait(for: [.deployment("ok"), .job("j-ok")], namespace: "probe", options)
    }

    @Test func anUnreachableServerEndsTheWait() async throws {
        let refused =
            "The connection to the server 10.0.0.100:6443 was refused - did you specify the right host or port?\n"
        let error = await failure(ScriptedShell([.read(look, err: refused, exit: 1)]), .deployment("ok"))
        #expect(error?.kind == .unreachable)
    }

    @Test func aCancelledWaitEndsAsCancelled() async throws {
        let fixtures = try looks("pulling")
        let task = Task {
            let options = WaitOptions(limit: .seconds(60), interval: .seconds(30))
            try await reader(ScriptedShell(fixtures)).wait(for: [.deployment("ok")], namespace: "probe", options)
        }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
