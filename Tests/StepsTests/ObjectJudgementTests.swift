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
