import ClientKit
import Foundation
import Synchronization
import Testing

@testable import Kubernetes

@Suite struct WaitTests: ScriptedWaiting {
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
        #expect(
            steps.first?.lastSeen.hasPrefix(
                "Deployment ok: 2 of 2 pods updated, 0 available; pod ok-") == true)
    }

    @Test func aFailedJobEndsTheWaitAtOnceWithItsLog() async throws {
        let log = [
            "logs", "--namespace", "probe", "j-fail-xpgsv", "--tail=400", "--container", "app",
        ]
        let shell = ScriptedShell(
            try looks("job-failed") + [.read(log, out: "one\n\nrails aborted!\n")])
        let error = await failure(shell, .job("j-fail"))
        #expect(shell.remaining == 0)
        guard case .problem(let problem)? = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(problem.code == .jobFailed)
        #expect(problem.logTail == ["one", "rails aborted!"])
        #expect(error?.kind == .failed)
        #expect(error?.attempt == "wait for Job j-fail in probe")
        #expect(
            error?.cause.hasSuffix(
                "container app exited with status 1; its log ends with: one ⏎ rails aborted!")
                == true)
    }

    @Test func aPermanentProblemIsConfirmedThenReported() async throws {
        let shell = ScriptedShell(
            try looks("configmap-key-missing", "configmap-key-missing", "configmap-key-missing") + [
                read(nil)
            ])
        let error = await failure(shell, .deployment("conf-key"))
        #expect(shell.remaining == 0, "two seconds, one look a second")
        #expect(error?.cause.contains("couldn't find key B in ConfigMap probe/conf") == true)
        #expect(error?.remedy == "create what is missing, under the name that the pod expects")
    }

    @Test func aFailureTargetEndsTheWaitAtOnce() async throws {
        let name = "chatwoot-migrations-v3-12-0-1"
        let log = [
            "logs", "--namespace", "probe", "\(name)-vs27v", "--tail=400", "--container",
            "migrations",
        ]
        let shell = ScriptedShell(
            try looks("job-deadline-pod-ending-1.34") + [
                .read(log, out: "== 20230426130150 Init: migrating\n")
            ])
        let error = await failure(shell, .job(name))
        #expect(shell.remaining == 0, "one look")
        #expect(error?.problem?.code == .jobTimedOut)
        #expect(
            error?.cause.contains(
                "still terminating: pod \(name)-vs27v on k8s-worker-01; its log ends with: == ")
                == true)
    }

    @Test func aPodThatNoSchedulerLooksAtNamesTheScheduler() async throws {
        let waiting = try look(at: "scheduler-not-looked")
        let shell = ScriptedShell(
            Array(repeating: waiting, count: 26) + staleLease(of: "kube-scheduler"))
        let error = await failure(shell, .deployment("chatwoot-web"))
        #expect(shell.remaining == 0, "25 s, as a change of leaders takes")
        #expect(error?.problem?.code == .notScheduled)
        #expect(
            error?.cause.hasSuffix(
                "kube-scheduler has not renewed its lease for 73 s (last held by k8s-master-02)")
                == true)
        #expect(error?.remedy.hasPrefix("restart kube-scheduler on the masters") == true)
    }

    @Test func aProblemThatPassedIsForgotten() async throws {
        // The same name in all looks: a Deployment that is refused, then done.
        let refused = try look(at: "pull-in-progress")
        let missing = try look(at: "permanent-cause-first")
        let done = try look(at: "scaled-to-none")
        let shell = ScriptedShell([missing, missing, refused, missing, missing, done])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock())
        try await reader(shell).wait(
            for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(shell.remaining == 0)
    }

    @Test func theLimitNamesAControllerManagerThatStoppedInTheMiddle() async throws {
        let shell = ScriptedShell(
            try looks("pulling", "pulling", "pulling") + staleLease(of: "kube-controller-manager"))
        let error = await failure(shell, .deployment("ok"), limit: .seconds(2))
        #expect(shell.remaining == 0)
        let stale = "kube-controller-manager has not renewed its lease for 73 s"
        #expect(error?.cause.contains("; \(stale) (last held by k8s-master-02)") == true)
        #expect(error?.remedy.hasPrefix("restart kube-controller-manager on the masters") == true)
    }

    /// The two answers that show that `component` stopped renewing its lease 73 s ago.
    private func staleLease(of component: String) -> [ScriptedShell.Exchange] {
        let lease: JSONValue = [
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": ["name": .string(component), "namespace": "kube-system"],
            "spec": [
                "holderIdentity": "k8s-master-02_0b1", "leaseDurationSeconds": 15,
                "renewTime": "2026-11-24T09:00:00.000000Z",
            ],
        ]
        let clock = ScriptedShell.Exchange.read(
            ["create", "--dry-run=server", "--validate=false", "-o", "json", "-f", "-"],
            out: #"{"metadata":{"creationTimestamp":"2026-11-24T09:01:13Z"}}"#)
        return [read(lease), clock]
    }

    @Test func theLimitNamesWhatWasSeenLast() async throws {
        let shell = ScriptedShell(
            try looks("pulling", "pulling", "pulling", "pulling") + [read(nil)])
        let error = await failure(shell, .deployment("ok"), limit: TimeLimit(.seconds(3), key: "limits.rollout"))
        #expect(shell.remaining == 0)
        #expect(
            error?.cause.hasPrefix(
                "not finished within 3 s (limits.rollout); last seen: Deployment ok: 2 of 2 pods updated") == true)
        #expect(error?.remedy == "raise limits.rollout in the inventory if it only needs more time, then run again")
        guard case .deadline(nil)? = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func theLimitNamesThePassingProblemWithItsLog() async throws {
        let pod = "ready-7ff5cd74c9-g979v"
        let log = ["logs", "--namespace", "probe", pod, "--tail=400", "--container", "app"]
        let gone = "Error from server (NotFound): pods \"\(pod)\" not found\n"
        let shell = ScriptedShell(
            try looks("readiness-refused", "readiness-refused", "readiness-refused")
                + [.read(log, err: gone, exit: 1)])
        let error = await failure(shell, .deployment("ready"), limit: TimeLimit(.seconds(2), key: "limits.rollout"))
        #expect(shell.remaining == 0)
        #expect(
            error?.cause.hasPrefix("not finished within 2 s (limits.rollout): Deployment ready: pod \(pod)") == true)
        #expect(error?.cause.contains("Readiness probe failed") == true)
        #expect(
            error?.cause.contains("its log cannot be read (Error from server (NotFound)") == true)
    }

    @Test func aRefusedPullLooksIntoItsSecrets() async throws {
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": ["name": "otherhost", "namespace": "probe"],
            // {"auths":{"docker.io":{}}}
            "data": [".dockerconfigjson": "eyJhdXRocyI6eyJkb2NrZXIuaW8iOnt9fX0="],
        ]
        let refused = try looks(
            "pull-with-other-registrys-secret", "pull-with-other-registrys-secret",
            "pull-with-other-registrys-secret")
        let shell = ScriptedShell(
            refused + [
                .read(
                    ["get", "--ignore-not-found", "-o", "json", "-f", "-"],
                    out: String(decoding: secret.serialized(), as: UTF8.self))
            ])
        let error = await failure(shell, .deployment("pull-otherhost"))
        #expect(shell.remaining == 0)
        #expect(
            error?.cause.hasSuffix(
                "; Secret otherhost has credentials for docker.io, not for ghcr.io") == true)
        #expect(error?.remedy.hasPrefix("create Secret otherhost again") == true)
    }

    @Test func severalWorkloadsAreOneLook() async throws {
        let items = try ["rollout-done", "job-done"].flatMap {
            try Fixtures.json("verdicts/\($0).json")["items"]?.elements ?? []
        }
        let shell = ScriptedShell([
            .read(look, out: String(decoding: JSONValue.list(items).serialized(), as: UTF8.self))
        ])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock())
        try await reader(shell).wait(
            for: [.deployment("ok"), .job("j-ok")], namespace: "probe", options)
    }

    @Test func anUnreachableServerEndsTheWait() async throws {
        let refused =
            "The connection to the server 10.0.0.100:6443 was refused - did you specify the right host or port?\n"
        let error = await failure(
            ScriptedShell([.read(look, err: refused, exit: 1)]), .deployment("ok"))
        #expect(error?.kind == .unreachable)
    }

    @Test func aCancelledWaitEndsAsCancelled() async throws {
        let fixtures = try looks("pulling")
        let task = Task {
            let options = WaitOptions(limit: .seconds(60), interval: .seconds(30))
            try await reader(ScriptedShell(fixtures)).wait(
                for: [.deployment("ok")], namespace: "probe", options)
        }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
