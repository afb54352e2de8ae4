import Kubernetes
import Postgres
import Testing

@testable import Steps

@Suite struct ObjectJudgementTests {
    private static func job(_ conditions: JSONValue) -> JSONValue {
        ["kind": "Job", "status": ["conditions": conditions]]
    }

    @Test func aJobIsFinishedByAnyOfItsConditions() {
        #expect(!Self.job([]).isFinishedJob)
        #expect(!(["kind": "Job"] as JSONValue).isFinishedJob)
        #expect(!Self.job([["type": "SuccessCriteriaMet", "status": "True"]]).isFinishedJob)
        #expect(!Self.job([["type": "Complete", "status": "False"]]).isFinishedJob)
        #expect(
            Self.job([["type": "SuccessCriteriaMet", "status": "True"], ["type": "Complete", "status": "True"]])
                .isFinishedJob)
        #expect(
            Self.job([["type": "FailureTarget", "status": "True"], ["type": "Failed", "status": "True"]]).isFinishedJob)
    }

    @Test func aPodThatIsGoingIsNeitherReadyNorAlive() {
        let ready: JSONValue = ["conditions": [["type": "Ready", "status": "True"]]]
        let labels: JSONValue = ["component": "web"]
        let pod: JSONValue = ["kind": "Pod", "metadata": ["labels": labels], "status": ready]
        let going: JSONValue = [
            "kind": "Pod", "metadata": ["labels": labels, "deletionTimestamp": "2026-11-24T09:00:00Z"], "status": ready,
        ]
        #expect(pod.isReadyPod)
        #expect(pod.isLivePod)
        #expect(!going.isReadyPod)
        #expect(!going.isLivePod)
        let unready: JSONValue = [
            "kind": "Pod", "metadata": ["labels": labels],
            "status": ["conditions": [["type": "Ready", "status": "False"]]],
        ]
        #expect(!unready.isReadyPod)
        #expect(unready.isLivePod)
        #expect(!(["kind": "Pod", "metadata": ["labels": ["component": "migrations"]]] as JSONValue).isLivePod)
    }

    private static func pod(_ containers: JSONValue, _ statuses: JSONValue = []) -> JSONValue {
        [
            "kind": "Pod", "metadata": ["labels": ["component": "web"]], "spec": ["containers": containers],
            "status": ["containerStatuses": statuses],
        ]
    }

    @Test func aPodRunsWhatItsOwnContainerRuns() {
        func runs(_ pod: JSONValue) -> Bool { pod.runs("ghcr.io/x:1@sha256:aa", digest: "sha256:aa") }
        let proxy: JSONValue = ["name": "istio-proxy", "image": "istio/proxyv2"]
        #expect(runs(Self.pod([["name": "web", "image": "ghcr.io/x:1@sha256:aa"]])))
        #expect(runs(Self.pod([proxy, ["name": "web", "image": "ghcr.io/x:1@sha256:aa"]])))
        let other = Self.pod([proxy, ["name": "web", "image": "ghcr.io/x:2@sha256:bb"]])
        #expect(!runs(other))
        #expect(other.ownImage == "ghcr.io/x:2@sha256:bb")
        // A container of another name is not Chatwoot's, whatever it runs.
        #expect(!runs(Self.pod([["name": "beside", "image": "ghcr.io/x:1@sha256:aa"]])))
        #expect(!runs(["kind": "Pod", "spec": ["containers": [["image": "ghcr.io/x:1@sha256:aa"]]]]))
    }

    @Test func aMirrorsImageCountsByTheDigestThatTheNodePulled() {
        let mirrored: JSONValue = [["name": "web", "image": "mirror.example/x:1"]]
        func runs(_ statuses: JSONValue) -> Bool {
            Self.pod(mirrored, statuses).runs("ghcr.io/x:1@sha256:aa", digest: "sha256:aa")
        }
        #expect(runs([["name": "web", "imageID": "mirror.example/x@sha256:aa"]]))
        #expect(!runs([["name": "web", "imageID": "mirror.example/x@sha256:bb"]]))
        #expect(!runs([["name": "istio-proxy", "imageID": "mirror.example/x@sha256:aa"]]))
        #expect(!runs([["name": "web", "imageID": "sha256:aa"]]))
        #expect(!runs([]))
    }

    @Test func namesTheRolesRightsThatDiffer() {
        let wanted = RoleAttributes()
        var attributes = wanted
        #expect(attributes.differences(to: wanted) == "")
        attributes.isSuperuser = true
        attributes.canLogin = false
        #expect(attributes.differences(to: wanted) == "NOLOGIN → LOGIN, SUPERUSER → NOSUPERUSER")
        attributes = wanted
        attributes.connectionLimit = 5
        #expect(attributes.differences(to: wanted) == "CONNECTION LIMIT 5 → -1")
    }
}
