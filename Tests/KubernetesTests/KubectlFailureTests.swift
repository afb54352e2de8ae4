import ClientKit
import SSH
import Testing

@testable import Kubernetes

@Suite struct KubectlFailureTests {
    /// What kubectl 1.32 really prints, and what it means.
    struct Case: Sendable {
        let text: String
        var exit: Int32 = 1
        let code: String
        let kind: FailureKind
    }

    static let cases = [
        Case(
            text:
                "The connection to the server 127.0.0.1:26999 was refused - did you specify the right host or port?",
            code: "serverUnreachable", kind: .unreachable),
        Case(
            text:
                "Unable to connect to the server: context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            code: "serverUnreachable", kind: .unreachable),
        Case(
            text: "Unable to connect to the server: net/http: TLS handshake timeout",
            code: "serverUnreachable", kind: .unreachable),
        Case(
            text:
                "error: error when replacing \"STDIN\": Put \"https://10.0.0.100:6443/apis/x?timeout=15s\": net/http: "
                + "request canceled (Client.Timeout exceeded while awaiting headers)",
            code: "serverUnreachable", kind: .unreachable),
        Case(
            text: "error: error when creating \"STDIN\": Post \"https://127.0.0.1:6443/api/v1/namespaces\": "
                + "read tcp 127.0.0.1:40112->127.0.0.1:6443: read: connection reset by peer",
            code: "serverUnreachable", kind: .unreachable),
        Case(
            text: "Error from server: etcdserver: request timed out", code: "server()",
            kind: .unreachable),
        Case(
            text: "Error from server: rpc error: code = Unavailable desc = transport is closing",
            code: "server()",
            kind: .unreachable),
        Case(
            text:
                "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
            code: "server(ServiceUnavailable)", kind: .unreachable),
        Case(
            text: "error: You must be logged in to the server (Unauthorized)",
            code: "server(Unauthorized)",
            kind: .refused),
        Case(
            text:
                "Error from server (Forbidden): pods is forbidden: User \"nobody\" cannot list resource \"pods\" in API group \"\"",
            code: "server(Forbidden)", kind: .refused),
        Case(
            text:
                "Error from server (Forbidden): error when creating \"STDIN\": pods \"x\" is forbidden: exceeded quota: q",
            code: "server(Forbidden)", kind: .failed),
        Case(
            text:
                "Error from server (Forbidden): error when creating \"STDIN\": admission webhook \"w\" denied the request: no",
            code: "server(Forbidden)", kind: .failed),
        Case(
            text:
                "Error from server (InternalError): Internal error occurred: failed calling webhook \"w\": Post \"https://w\": "
                + "context deadline exceeded", code: "server(InternalError)", kind: .failed),
        Case(
            text: "Error from server (NotFound): configmaps \"nope\" not found",
            code: "server(NotFound)", kind: .failed
        ),
        Case(
            text:
                "error: error from server (NotFound): pods \"nopod\" not found in namespace \"default\"",
            code: "server(NotFound)", kind: .failed),
        Case(
            text:
                "Error from server (Conflict): error when replacing \"STDIN\": Operation cannot be fulfilled",
            code: "server(Conflict)", kind: .failed),
        Case(
            text: "The Service \"s\" is invalid: spec.ports[0].port: Invalid value: 99999",
            code: "server(Invalid)",
            kind: .failed),
        Case(
            text:
                "error: resource mapping not found for name: \"x\" namespace: \"default\" from \"STDIN\": no matches for kind "
                + "\"PodDisruptionBudget\" in version \"policy/v1\"\nensure CRDs are installed first",
            code: "unknownKind", kind: .failed),
        Case(
            text: "error: the server doesn't have a resource type \"foos\"", code: "unknownKind",
            kind: .failed),
        Case(
            text: "error: stat /root/.kube/config: no such file or directory", code: "kubeconfig",
            kind: .failed),
        Case(text: "sh: 1: kubectl: not found", exit: 127, code: "kubectlMissing", kind: .failed),
        Case(
            text: "sh: 1: kubectl: Permission denied", exit: 126, code: "kubectlMissing",
            kind: .failed),
        Case(text: "error: something new", code: "kubectl", kind: .failed),
        Case(text: "", code: "kubectl", kind: .failed),
    ]

    @Test(arguments: cases)
    func tellsCausesApart(_ example: Case) {
        let failure = KubectlFailure(
            exitStatus: example.exit, errorText: example.text, kubeconfig: "/root/.kube/config",
            host: "k8s-master-01", within: .seconds(15))
        let code =
            if case .server(let reason) = failure.code { "server(\(reason.rawValue))" } else {
                "\(failure.code)"
            }
        #expect(code == example.code)
        #expect(failure.kind == example.kind)
        #expect(!failure.cause.isEmpty && !failure.remedy.isEmpty)
    }

    /// As kube-apiserver 1.20 words them.
    @Test(arguments: [
        (
            "Error from server (Invalid): Service \"s\" is invalid: spec.ports[1].name: Duplicate value: \"http\"",
            "run again, which removes what somebody else added"
        ),
        (
            "Error from server: failed to create manager for existing fields: failed to convert new object "
                + "(apps/v1, Kind=Deployment) to smd typed: .spec.template.spec.containers[name=\"web\"].env: "
                + "duplicate entries for key [name=\"B\"]", "remove one of the duplicate entries"
        ),
    ])
    func twoEntriesOfOneNameAreNotTheInventorys(_ text: String, _ remedy: String) {
        let failure = KubectlFailure(exitStatus: 1, errorText: text, kubeconfig: "k", host: "h", within: .seconds(15))
        #expect(failure.remedy.hasPrefix(remedy))
    }

    /// As kubectl 1.20 and kube-apiserver word them.
    @Test(arguments: [
        "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
        "Unable to connect to the server: context deadline exceeded",
        "Error from server (Timeout): Timeout: request did not complete within the allotted timeout",
    ])
    func aRequestThatTookTooLongNamesItsLimit(_ text: String) {
        let failure = KubectlFailure(
            exitStatus: 1, errorText: text, kubeconfig: "k", host: "h",
            within: TimeLimit(.seconds(15), key: "limits.service"))
        #expect(failure.cause == "\(text); a request may take 15 s (limits.service)")
        #expect(failure.kind == .unreachable)
    }

    @Test func logLinesAndWarningsAreLeftOut() {
        let text = """
            E1124 09:05:40.817850    3297 memcache.go:265] "Unhandled Error" err="couldn't get current server API group list"
            Warning: policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+
            Error from server (NotFound): configmaps "a" not found
            Error from server (NotFound): configmaps "a" not found
            """
        let failure = KubectlFailure(exitStatus: 1, errorText: text, kubeconfig: "k", host: "h", within: .seconds(15))
        #expect(failure.cause == "Error from server (NotFound): configmaps \"a\" not found")
    }

    @Test func theErrorCarriesCommandStatusAndHost() async {
        let shell = ScriptedShell([
            .read(["get", "--raw", "/version"], err: "sh: 1: kubectl: not found\n", exit: 127)
        ])
        let reader = ClusterReader(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
        let error = await #expect(throws: KubernetesError.self) { try await reader.serverVersion() }
        #expect(error?.host == "k8s-master-01")
        #expect(error?.exitStatus == 127)
        #expect(error?.command.suffix(3) == ["get", "--raw", "/version"])
        #expect(
            error?.description.hasPrefix(
                "ask the API server for its version (k8s-master-01): there is no kubectl")
                == true)
    }

    @Test func aBrokenShellKeepsItsKind() async {
        struct BrokenShell: RemoteShell {
            let hostName = "k8s-master-01"
            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                throw ScriptedShell.failure("the link was cut", kind: .unknownOutcome)
            }
        }
        let reader = ClusterReader(shell: BrokenShell(), kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
        let error = await #expect(throws: KubernetesError.self) { try await reader.serverVersion() }
        #expect(error?.kind == .unknownOutcome)
        #expect(error?.host == "k8s-master-01, 10.0.0.100:22")
        guard case .shell? = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func anAnswerThatIsNoJSONIsSaid() async {
        let shell = ScriptedShell([.read(["get", "--raw", "/version"], out: "{\"major\": oops")])
        let reader = ClusterReader(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
        let error = await #expect(throws: KubernetesError.self) { try await reader.serverVersion() }
        #expect(error?.cause.hasPrefix("kubectl's answer is not JSON: ") == true)
        guard case .unreadableAnswer? = error?.code else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// kubectl prints an empty List where there is nothing; without it nobody knows what there is, as of running migrations.
    @Test func anAnswerThatIsNotThereIsNoEmptyList() async {
        let shell = ScriptedShell([.read(["get", "jobs.batch,pods", "-o", "json", "--namespace", "chatwoot"])])
        let reader = ClusterReader(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
        let error = await #expect(throws: KubernetesError.self) {
            try await reader.list(["jobs.batch", "pods"], namespace: "chatwoot")
        }
        #expect(error?.cause == "kubectl printed nothing")
    }
}
