import Foundation
import Testing

/// Parts of the cluster itself that do not work: each is named as what it is, and nothing else is blamed.
extension RehearsalTests {
    /// Does `work` while a service of the lab is stopped, and starts it again whatever came of that.
    private func without(_ service: String, _ work: () async throws -> Void) async throws {
        try await Lab.call("stop", service)
        try await undoing({ try await Lab.call("start", service) }) {
            try await work()
        }
    }

    private func eventuallyRuns() async throws {
        let run = try await Lab.runner("run", "11")
        #expect(run.status == 0, "\(run.error)")
    }

    @Test func withoutEtcdThereIsOneLineWithinSeconds() async throws {
        try await Lab.reset()
        try await without("etcd") {
            let doctor = try await Lab.runner("doctor", "11")
            print("doctor without etcd: \(doctor.seconds) s")
            #expect(doctor.status == 69, "\(doctor.output)\(doctor.error)")
            #expect(doctor.seconds < 15)
            #expect(doctor.output.components(separatedBy: "✗").count == 2, "one line: \(doctor.output)")
            #expect(doctor.output.contains("it is running but not ready: etcd failed"), "\(doctor.output)")
            #expect(!doctor.output.contains("resume"), "there is no run: \(doctor.output)")
            for command in ["plan", "run"] {
                let ended = try await Lab.runner(command, "11")
                print("\(command) without etcd: \(ended.seconds) s")
                #expect(ended.status == 69, "\(ended.error)")
                #expect(ended.seconds < 15)
                #expect(ended.error.contains("etcd failed"), "\(ended.error)")
            }
        }
        try await Lab.reset()
    }

    @Test func withoutTheSchedulerNoWorkerAndNoTimeLimitIsBlamed() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await without("scheduler") {
            try await Lab.call(
                "kubectl", "-n", "chatwoot", "delete", "pods", "-l", "component=worker", "--grace-period=1")
            let doctor = try await Lab.runner("doctor", "11")
            #expect(doctor.status == 1)
            #expect(doctor.output.contains("but the scheduler has not processed it"), "\(doctor.output)")
            #expect(doctor.output.contains("check that kube-scheduler is running"), "\(doctor.output)")
            #expect(!doctor.output.contains("read its log"), "\(doctor.output)")
            #expect(!doctor.output.contains("Deployment chatwoot-worker: Deployment"), "\(doctor.output)")
            let run = try await Lab.runner("run", "11", "--only", "11_ct_02_deploy_chatwoot")
            #expect(run.status == 1)
            #expect(run.error.contains("check that kube-scheduler is running on the masters"), "\(run.error)")
            #expect(!run.error.contains("raise limits."), "\(run.error)")
        }
        try await eventuallyRuns()
    }

    @Test func withoutTheControllerManagerItIsNamedAndNoTimeLimitIsBlamed() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await without("controller-manager") {
            try await Lab.call(
                "kubectl", "-n", "chatwoot", "patch", "deployment", "chatwoot-worker",
                "--type=json", "-p",
                #"[{"op":"replace","path":"/spec/template/spec/terminationGracePeriodSeconds","value":61}]"#)
            let run = try await Lab.runner("run", "11", "--only", "11_ct_02_deploy_chatwoot")
            print("run without the controller manager: \(run.seconds) s")
            #expect(run.status == 1)
            #expect(run.error.contains("kube-controller-manager has not"), "\(run.error)")
            #expect(!run.error.contains("raise limits."), "\(run.error)")
            let doctor = try await Lab.runner("doctor", "11")
            #expect(doctor.status == 1)
            #expect(doctor.output.contains("kube-controller-manager has not"), "\(doctor.output)")
        }
        try await eventuallyRuns()
    }

    @Test func withoutTheControllerManagerNoPodThatIsGoneCounts() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await without("controller-manager") {
            try await Lab.call(
                "kubectl", "-n", "chatwoot", "delete", "pods", "-l", "component=worker", "--grace-period=1")
            let doctor = try await Lab.runner("doctor", "11")
            #expect(doctor.status == 1, "\(doctor.output)")
            #expect(doctor.output.contains("check that kube-controller-manager is running"), "\(doctor.output)")
            let proof = try await Lab.runner("run", "11", "--only", "11_ct_03_tests")
            #expect(proof.status == 1, "\(proof.error)")
            #expect(proof.error.contains("its status reports 2, but only 0 exist"), "\(proof.error)")
            let run = try await Lab.runner("run", "11", "--only", "11_ct_02_deploy_chatwoot")
            #expect(run.status == 1, "\(run.error)")
            #expect(run.error.contains("check that kube-controller-manager is running on the masters"), "\(run.error)")
            #expect(!run.error.contains("raise limits."), "\(run.error)")
        }
        try await eventuallyRuns()
    }

    @Test func aCordonedNodeIsToBeUncordoned() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Lab.call("kubectl", "cordon", "k8s-worker-01")
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "pods", "-l", "component=worker", "--grace-period=1")
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.status == 1)
        #expect(doctor.output.contains("node k8s-worker-01: Ready, cordoned"), "\(doctor.output)")
        #expect(doctor.output.contains("→ run `kubectl uncordon k8s-worker-01`"), "\(doctor.output)")
        #expect(!doctor.output.contains("read its log"), "\(doctor.output)")
        try await Lab.call("kubectl", "uncordon", "k8s-worker-01")
        try await eventuallyRuns()
    }

    @Test func anEvictedPodIsNoPodOfChatwoot() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        // Nobody schedules it and nobody runs it: what it says of itself stays.
        let pod = """
            {"apiVersion": "v1", "kind": "Pod",
             "metadata": {"name": "evicted", "namespace": "chatwoot", "labels": {"app": "chatwoot", "component": "worker"}},
             "spec": {"schedulerName": "nobody", "containers": [{"name": "worker", "image": "ghcr.io/other:v1"}]},
             "status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}}
            """
        try await Lab.call("kubectl", "create", "-f", "-", input: pod)
        try await Lab.call(
            "kubectl", "replace", "--raw", "/api/v1/namespaces/chatwoot/pods/evicted/status", "-f", "-", input: pod)
        let phase = try await Lab.call(
            "kubectl", "-n", "chatwoot", "get", "pod", "evicted", "-o", "jsonpath={.status.phase}")
        try #require(phase == "Failed")
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.status == 0, "\(doctor.output)")
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)
        let proof = try await Lab.runner("run", "11", "--only", "11_ct_03_tests")
        #expect(proof.status == 0, "\(proof.error)")
        let newer = try Variant(replacing: "chatwoot-keybuzz:v3.12.0", with: "chatwoot-keybuzz:v3.13.0")
        let upgrade = try await Lab.runner("run", "11", "--inventory", newer.path)
        #expect(upgrade.status == 0, "\(upgrade.error)")
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "pod", "evicted")
    }

    @Test func aRefusalWhoseCauseIsGoneFailsNoRun() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        let webhook = """
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
             "metadata": {"name": "lab-refusal"},
             "webhooks": [{"name": "refusal.lab.example", "sideEffects": "None", "admissionReviewVersions": ["v1"],
               "failurePolicy": "Fail", "timeoutSeconds": 1, "clientConfig": {"url": "https://127.0.0.1:9/"},
               "objectSelector": {"matchLabels": {"component": "worker"}},
               "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}]}
            """
        try await Lab.call("kubectl", "apply", "-f", "-", input: webhook)
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "pods", "-l", "component=worker", "--grace-period=1")
        let refused = try await Lab.runner("run", "11", "--only", "11_ct_02_deploy_chatwoot")
        #expect(refused.status == 1)
        #expect(refused.error.contains("refusal.lab.example"), "\(refused.error)")
        try await Lab.call("kubectl", "delete", "validatingwebhookconfiguration", "lab-refusal")
        let run = try await Lab.runner("run", "11")
        print("run after the refusal's cause is gone: \(run.seconds) s")
        #expect(run.status == 0, "\(run.error)")
        try await Lab.reset()
    }
}
