import ClientKit
import Foundation
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
        let log = ["logs", "--namespace", "probe", "j-fail-xpgsv", "--tail=400", "--container", "app"]
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
        let shell = ScriptedShell(
            try looks("configmap-key-missing", "configmap-key-missing", "configmap-key-missing") + [read(nil)])
        let error = await failure(shell, .deployment("conf-key"))
        #expect(shell.remaining == 0, "two seconds, one look a second")
        #expect(error?.cause.contains("couldn't find key B in ConfigMap probe/conf") == true)
        #expect(error?.remedy == "create what is missing, under the name that the pod asks for")
    }

    /// The answer to reading one object, or nothing where it is `nil`.
    private func read(_ object: JSONValue?) -> ScriptedShell.Exchange {
        .read(
            ["get", "--ignore-not-found", "-o", "json", "-f", "-"],
            out: object.map { String(decoding: $0.serialized(), as: UTF8.self) } ?? "")
    }

    @Test func whatIsMissingNoMoreIsWaitedForUntilTheKubeletLooksAgain() async throws {
        let missing = try look(at: "configmap-missing-1.34")
        let configMap = read(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "chatwoot-config"]])
        // Two looks for the patience; then the object is there, and each look asks for it again until the pod runs.
        let shell = ScriptedShell(
            [missing, missing, missing, configMap, missing, configMap] + (try looks("evicted-web-replaced-1.34")))
        let seen = Mutex<[WaitProgress]>([])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock()) { step in
            seen.withLock { $0.append(step) }
        }
        try await reader(shell).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(shell.remaining == 0)
        #expect(
            seen.withLock { $0.last?.trouble?.sentence }?.hasSuffix(
                "; yet ConfigMap chatwoot-config is there now, and the kubelet has not looked again yet") == true)
    }

    @Test func aKubeletThatDoesNotLookAgainEndsTheWaitAfterAWholeBackOff() async throws {
        let missing = try look(at: "configmap-missing-1.34")
        let configMap = read(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "chatwoot-config"]])
        let shell = ScriptedShell(
            [missing, missing] + (0...30).flatMap { _ in [missing, configMap] })
        let error = await failure(shell, .deployment("chatwoot-web"))
        #expect(shell.remaining == 0, "2 s until it is doubted, 30 s more")
        #expect(error?.trouble?.code == .missingConfiguration)
        #expect(error?.cause.contains(#"configmap "chatwoot-config" not found; yet ConfigMap"#) == true)
    }

    @Test func aKeyThatIsStillMissingIsNoDoubt() async throws {
        let missing = try look(at: "configmap-key-missing")
        let without = read(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "conf"], "data": ["A": "1"]])
        let error = await failure(ScriptedShell([missing, missing, missing, without]), .deployment("conf-key"))
        #expect(error?.cause.hasSuffix("couldn't find key B in ConfigMap probe/conf") == true)

        let with = read(["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "conf"], "data": ["B": ""]])
        let shell = ScriptedShell([missing, missing, missing, with] + [missing, without])
        #expect(await failure(shell, .deployment("conf-key"))?.kind == .failed)
        #expect(shell.remaining == 0, "what is gone again ends the doubt")
    }

    /// A pull Secret for ghcr.io with this user and token.
    private func pullSecret(_ pair: String) -> ScriptedShell.Exchange {
        let config = #"{"auths":{"ghcr.io":{"auth":"\#(Data(pair.utf8).base64EncodedString())"}}}"#
        return read([
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": ["name": "ghcr-secret", "namespace": "probe"],
            "data": [".dockerconfigjson": .string(Data(config.utf8).base64EncodedString())],
        ])
    }

    @Test func aPullThatTheRegistryAcceptedBeforeIsWaitedFor() async throws {
        let refused = try look(at: "pull-with-wrong-password-1.34")
        let accepted = AcceptedPull(
            image: "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", user: "keybuzz", token: Secret("t0ken"))
        var options = WaitOptions(limit: .seconds(60), clock: LeapingClock(), accepted: accepted)
        let well = ScriptedShell(
            [refused, refused, refused, pullSecret("keybuzz:t0ken")] + (try looks("evicted-web-replaced-1.34")))
        try await reader(well).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(well.remaining == 0)

        // The Secret of the cluster holds another token: no doubt that this one is refused.
        let other = pullSecret("keybuzz:other")
        let shell = ScriptedShell([refused, refused, refused, other, other])
        await #expect {
            try await reader(shell).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        } throws: {
            ($0 as? KubernetesError)?.cause.hasSuffix("which does not accept user keybuzz with its token") == true
        }

        // Nothing is known of the registry's answer.
        options.accepted = nil
        let unknown = ScriptedShell([refused, refused, refused, pullSecret("keybuzz:t0ken")])
        await #expect(throws: KubernetesError.self) {
            try await reader(unknown).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        }
        #expect(unknown.remaining == 0)
    }

    @Test func aSecretThatTheKubeletCouldNotReadIsNotCalledAWrongToken() async throws {
        let unread = try look(at: "pull-secret-not-retrieved")
        let shell = ScriptedShell(
            [unread, unread, unread, pullSecret("keybuzz:t0ken")] + (try looks("evicted-web-replaced-1.34")))
        let seen = Mutex<[String]>([])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock()) { step in
            seen.withLock { $0.append(step.trouble?.sentence ?? "") }
        }
        try await reader(shell).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(shell.remaining == 0)
        let last = seen.withLock { $0.last } ?? ""
        #expect(last.contains("the kubelet could not read pull Secret ghcr-secret"))
        #expect(last.hasSuffix("; yet Secret ghcr-secret is there now, and the kubelet tries again with it"))

        // Where it is not there, that is the cause.
        let gone = await failure(
            ScriptedShell([unread, unread, unread, read(nil), read(nil)]), .deployment("chatwoot-web"))
        #expect(gone?.cause.hasSuffix("; Secret ghcr-secret does not exist in this namespace") == true)
    }

    @Test func aFailureTargetEndsTheWaitAtOnce() async throws {
        let name = "chatwoot-migrations-v3-12-0-1"
        let log = ["logs", "--namespace", "probe", "\(name)-vs27v", "--tail=400", "--container", "migrations"]
        let shell = ScriptedShell(
            try looks("job-deadline-pod-ending-1.34") + [.read(log, out: "== 20230426130150 Init: migrating\n")])
        let error = await failure(shell, .job(name))
        #expect(shell.remaining == 0, "one look")
        #expect(error?.trouble?.code == .jobTimedOut)
        #expect(error?.cause.contains("still ending: pod \(name)-vs27v on k8s-worker-01; its log ends: == ") == true)
    }

    @Test func aPodThatNoSchedulerLooksAtNamesTheScheduler() async throws {
        let waiting = try look(at: "scheduler-not-looked")
        let lease: JSONValue = [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": ["name": "kube-scheduler", "namespace": "kube-system"],
            "spec": [
                "holderIdentity": "k8s-master-02_0b1", "leaseDurationSeconds": 15,
                "renewTime": "2026-11-24T09:00:00.000000Z",
            ],
        ]
        let clock = ScriptedShell.Exchange.read(
            ["create", "--dry-run=server", "-o", "json", "-f", "-"],
            out: #"{"metadata":{"creationTimestamp":"2026-11-24T09:01:13Z"}}"#)
        let shell = ScriptedShell(Array(repeating: waiting, count: 26) + [read(lease), clock])
        let error = await failure(shell, .deployment("chatwoot-web"))
        #expect(shell.remaining == 0, "25 s, as a change of leaders takes")
        #expect(error?.trouble?.code == .notScheduled)
        #expect(
            error?.cause.hasSuffix(
                "kube-scheduler has not renewed its lease for 73 s (held last by k8s-master-02)") == true)
        #expect(error?.remedy.hasPrefix("start kube-scheduler again on the masters") == true)
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
        let log = ["logs", "--namespace", "probe", pod, "--tail=400", "--container", "app"]
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
