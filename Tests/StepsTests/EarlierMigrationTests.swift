import Kubernetes
import StepKit
import Testing

@testable import Steps

/// What may still work of an earlier run's Job, judged by what the API server shows; conditions and statuses as Kubernetes
/// 1.34 and 1.20 wrote them.
@Suite struct EarlierMigrationTests {
    private static let name = "chatwoot-migrations-6c3a82de0ddb-1"

    private static func job(_ conditions: [String] = [], deleted: Bool = false) -> JSONValue {
        var metadata: [String: JSONValue] = ["name": .string(name)]
        if deleted { metadata["deletionTimestamp"] = "2026-11-25T21:02:14Z" }
        return [
            "kind": "Job", "metadata": .object(metadata),
            "status": [
                "conditions": .array(
                    conditions.map {
                        [
                            "type": .string($0), "status": "True", "reason": "DeadlineExceeded",
                            "lastTransitionTime": "2026-11-25T21:00:14Z",
                        ]
                    })
            ],
        ]
    }

    private static func pod(
        _ phase: String, node: String? = "k8s-worker-01", state: JSONValue? = nil, leavingIn grace: Int64? = nil
    ) -> JSONValue {
        var metadata: [String: JSONValue] = ["name": "pod-1"]
        if let grace {
            metadata["deletionTimestamp"] = "2026-11-25T21:02:14Z"
            metadata["deletionGracePeriodSeconds"] = .integer(grace)
        }
        var spec: [String: JSONValue] = ["terminationGracePeriodSeconds": 30, "containers": [["name": "migrations"]]]
        if let node { spec["nodeName"] = .string(node) }
        var status: [String: JSONValue] = ["phase": .string(phase)]
        if let state { status["containerStatuses"] = [["name": "migrations", "restartCount": 0, "state": state]] }
        return ["kind": "Pod", "metadata": .object(metadata), "spec": .object(spec), "status": .object(status)]
    }

    private static func node(_ ready: String) -> JSONValue {
        [
            "kind": "Node", "metadata": ["name": "k8s-worker-01"],
            "status": ["conditions": [["type": "Ready", "status": .string(ready), "reason": "NodeStatusUnknown"]]],
        ]
    }

    private static let running: JSONValue = ["running": ["startedAt": "2026-11-25T21:01:25Z"]]
    private static func waiting(_ reason: String) -> JSONValue { ["waiting": ["reason": .string(reason)]] }

    private static func judge(_ job: JSONValue?, _ pods: [JSONValue], _ ready: String = "True") -> EarlierMigration {
        EarlierMigration(job: job, pods: pods, nodes: [node(ready)])
    }

    @Test func whatWorksOnANodeThatReportsIsRunning() {
        #expect(Self.judge(Self.job(), [Self.pod("Running", state: Self.running)]) == .running)
    }

    /// The one that was removed while it worked: its kubelet was stopped.
    @Test(arguments: ["Unknown", "False"]) func whatIsOnASilentNodeMayWork(_ ready: String) {
        let unseen = EarlierMigration.unseen(pod: "pod-1", node: "k8s-worker-01")
        #expect(Self.judge(Self.job(), [Self.pod("Running", state: Self.running)], ready) == unseen)
        // It may have pulled the image since, and started.
        let pulling = Self.pod("Pending", state: Self.waiting("ImagePullBackOff"))
        #expect(Self.judge(Self.job(), [pulling], ready) == unseen)
        // To be ended is not to have ended, however long it is.
        #expect(Self.judge(Self.job(["Failed"]), [Self.pod("Running", leavingIn: 30)], ready) == unseen)
        #expect(Self.judge(nil, [Self.pod("Running", leavingIn: 30)], ready) == unseen)
    }

    @Test func aNodeThatIsGoneIsSilentToo() {
        let judged = EarlierMigration(job: Self.job(), pods: [Self.pod("Running", state: Self.running)], nodes: [])
        #expect(judged == .unseen(pod: "pod-1", node: "k8s-worker-01"))
    }

    @Test(arguments: ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "ContainerCreating"])
    func whatNeverStartedIsToldFromWhatDid(_ reason: String) {
        #expect(Self.judge(Self.job(), [Self.pod("Pending", state: Self.waiting(reason))]) == .notStarted)
        let crashed: JSONValue = [
            "kind": "Pod", "metadata": ["name": "pod-1"], "spec": ["nodeName": "k8s-worker-01"],
            "status": [
                "phase": "Pending",
                "containerStatuses": [
                    ["restartCount": 1, "state": Self.waiting(reason), "lastState": ["terminated": ["exitCode": 1]]]
                ],
            ],
        ]
        #expect(Self.judge(Self.job(), [crashed]) == .running)
    }

    @Test func whatHasNoNodeOrNoPodNeverStarted() {
        #expect(Self.judge(Self.job(), [Self.pod("Pending", node: nil)], "Unknown") == .notStarted)
        #expect(Self.judge(Self.job(), []) == .notStarted)
    }

    @Test func aPodOfUnknownStateMayWork() {
        #expect(Self.judge(Self.job(), [Self.pod("Unknown")]) == .running)
    }

    /// FailureTarget comes before Failed for as long as the pod takes to end (Kubernetes 1.31 and later).
    @Test(arguments: [["FailureTarget"], ["FailureTarget", "Failed"], ["Failed"], ["SuccessCriteriaMet"]])
    func anEndedJobIsWaitedForUntilItsPodIsGone(_ conditions: [String]) {
        let job = Self.job(conditions)
        let leaving = Self.pod("Running", state: Self.running, leavingIn: 45)
        #expect(Self.judge(job, [leaving]) == .leaving(["pod-1"], grace: 45))
        #expect(Self.judge(job, []) == .over)
        #expect(Self.judge(job, [Self.pod("Failed", leavingIn: 45)]) == .over)
    }

    @Test func aPodThatIsDeletedByHandIsWaitedFor() {
        #expect(Self.judge(Self.job(), [Self.pod("Running", leavingIn: 5)]) == .leaving(["pod-1"], grace: 5))
        #expect(Self.judge(Self.job(deleted: true), [Self.pod("Running")]) == .leaving(["pod-1"], grace: 30))
        #expect(Self.judge(nil, [Self.pod("Pending")]) == .leaving(["pod-1"], grace: 30))
    }

    @Test(arguments: ["Complete", "Failed"]) func whatHasEndedIsOver(_ condition: String) {
        #expect(Self.judge(Self.job([condition]), [Self.pod("Succeeded")]) == .over)
        #expect(Self.judge(nil, [Self.pod("Failed")]) == .over)
    }

    private static let ended: JSONValue = ["terminated": ["exitCode": 1, "finishedAt": "2026-11-25T21:00:13Z"]]

    private static func end(
        _ job: JSONValue?, _ pods: [JSONValue], _ nodes: [JSONValue], workers: [String] = ["k8s-worker-01"]
    ) -> MigrationEnd? {
        MigrationEnd(job: job, pods: pods, nodes: nodes, workers: workers)
    }

    @Test func aKubeletReportsTheEndOfEachContainer() throws {
        // It may be silent since.
        for ready in ["True", "Unknown"] {
            let pod = Self.pod("Failed", state: Self.ended)
            let end = try #require(Self.end(Self.job(["FailureTarget", "Failed"]), [pod], [Self.node(ready)]))
            #expect(end.isReported && end.time == "2026-11-25T21:00:14Z")
        }
        #expect(Self.end(Self.job(["Complete"]), [Self.pod("Succeeded", state: Self.ended)], [])?.isReported == true)
    }

    /// A controller gives up the pods of a node that it deletes, and sets their phase only.
    @Test func aPhaseAloneIsNoReportOfTheKubelet() {
        for state in [Self.running, Self.waiting("ContainerCreating"), nil] {
            #expect(Self.end(Self.job(["Failed"]), [Self.pod("Failed", state: state)], [Self.node("True")]) == nil)
        }
        // One of two has ended.
        let (ended, alive) = (Self.pod("Failed", state: Self.ended), Self.pod("Running", state: Self.running))
        #expect(Self.end(Self.job(["Failed"]), [ended, alive], [Self.node("True")]) == nil)
        #expect(Self.end(Self.job(["Failed"]), [ended, Self.pod("Failed")], [Self.node("True")]) == nil)
    }

    /// The status of an injected container is missing, or a debugging one is still there.
    @Test(arguments: ["containers", "ephemeralContainerStatuses"])
    func aContainerWithoutAnEndMayBeRunning(_ place: String) throws {
        guard case .object(var pod) = Self.pod("Failed", state: Self.ended),
            case .object(var spec)? = pod["spec"], case .object(var status)? = pod["status"]
        else { throw StepFailure("build a pod", host: "", cause: "no object", remedy: "") }
        spec["containers"] = place == "containers" ? [["name": "migrations"], ["name": "sidecar"]] : spec["containers"]
        if place != "containers" { status[place] = [["name": "debugger", "state": Self.running]] }
        (pod["spec"], pod["status"]) = (.object(spec), .object(status))
        #expect(Self.end(Self.job(["Failed"]), [.object(pod)], [Self.node("True")]) == nil)
    }

    @Test func withoutAPodEachNodeHasToReport() throws {
        let job = Self.job(["Failed"])
        #expect(try #require(Self.end(job, [], [Self.node("True"), Self.node("True")])).isReported == false)
        #expect(Self.end(job, [], [Self.node("True"), Self.node("Unknown")]) == nil)
        #expect(Self.end(job, [], []) == nil)
    }

    /// Somebody has deleted the Node object, and with it its pods: a machine that is only cut off works on.
    @Test func aNodeThatWasDeletedMayWork() {
        let workers = ["k8s-worker-01", "k8s-worker-02"]
        #expect(Self.end(Self.job(["Failed"]), [], [Self.node("True")], workers: workers) == nil)
        let pod = Self.pod("Failed", state: Self.ended)
        #expect(Self.end(Self.job(["Failed"]), [pod], [Self.node("True")], workers: workers)?.isReported == true)
    }

    /// A kubelet that is back ends what was removed meanwhile within the pods' grace period.
    @Test func theEndOfWhatIsGoneCountsFromWhenItWasSeen() throws {
        let (now, patience) = (ContinuousClock.now, Duration.seconds(60))
        let gone = try #require(Self.end(Self.job(["Failed"]), [], [Self.node("True")]))
        let reported = try #require(
            Self.end(Self.job(["Failed"]), [Self.pod("Failed", state: Self.ended)], [Self.node("Unknown")]))
        var seen = SeenEnds(patience: patience)
        let looks: [(end: MigrationEnd?, after: Duration, isCertain: Bool)] = [
            // A node is silent for longer than that.
            (nil, .zero, false), (gone, patience * 2, false), (gone, patience * 3, false),
            (gone, patience * 3 + .milliseconds(1), true),
            // It is silent again.
            (nil, patience * 4, false), (gone, patience * 4 + .seconds(1), false), (reported, patience * 4, true),
        ]
        for look in looks {
            let isCertain = seen.isCertain(look.end, of: Self.name, at: now + look.after)
            #expect(isCertain == look.isCertain, "after \(look.after)")
        }
    }

    @Test func aJobThatIsGoneOrNotAtItsEndTellsNothing() {
        let pods = [Self.pod("Failed", state: Self.ended)]
        #expect(Self.end(nil, pods, [Self.node("True")]) == nil)
        #expect(Self.end(Self.job(), pods, [Self.node("True")]) == nil)
        #expect(Self.end(Self.job(["FailureTarget"]), pods, [Self.node("True")]) == nil)
        #expect(Self.end(Self.job(deleted: true), [], [Self.node("True")]) == nil)
    }
}
