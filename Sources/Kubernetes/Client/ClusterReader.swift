public import ClientKit
public import Foundation
public import SSH

/// The cluster as a step's check and verify see it: nothing here can change anything.
public struct ClusterReader: Sendable {
    /// The environment that kubectl is started with.
    ///
    /// A command lives for 80 ms, a tenth of which Go would spend on collecting 5 MB of garbage;
    /// `GOMEMLIMIT`, known since Go 1.19, makes it collect again where an answer is large. `KUBERC`
    /// keeps the account's preferences (`~/.kube/kuberc`, read by default from kubectl 1.33 on)
    /// from adding flags to our commands.
    public static let kubectlEnvironment = ["GOGC": "400", "GOMEMLIMIT": "256MiB", "KUBERC": "off"]

    var kubectl: Kubectl
    var survey: ClusterSurvey?

    /// Reads through kubectl on the host of `shell`, with the kubeconfig at `kubeconfig` there.
    ///
    /// Each API request that kubectl makes may take `requestTimeout`.
    public init(shell: any RemoteShell, kubeconfig: String, requestTimeout: TimeLimit) {
        kubectl = Kubectl(shell: shell, kubeconfig: kubeconfig, requestTimeout: requestTimeout)
    }

    /// The inventory name of the host that kubectl runs on.
    public var hostName: String { kubectl.shell.hostName }

    /// Reads one object; `nil` where it does not exist.
    public func get(_ reference: ObjectReference) async throws(KubernetesError) -> JSONValue? {
        try await get([reference]).first
    }

    /// Reads objects of any kinds with one command; missing ones are left out.
    public func get(_ references: [ObjectReference]) async throws(KubernetesError) -> [JSONValue] {
        try await get(references, options: [])
    }

    func get(
        _ references: [ObjectReference], options: [String]
    ) async throws(KubernetesError) -> [JSONValue] {
        guard !references.isEmpty else { return [] }
        if let known = await survey?.get(references) { return known }
        return try await getNow(references, options: options)
    }

    /// Reads objects from the cluster itself.
    func getNow(
        _ references: [ObjectReference], options: [String]
    ) async throws(KubernetesError) -> [JSONValue] {
        try await kubectl.objects(
            ["get", "--ignore-not-found", "-o", "json"] + options + ["-f", "-"],
            for: "read \(references.summary)",
            input: JSONValue.list(references.map(\.stub)).serialized(), effect: .read,
            outputIsSecret: references.contains { $0.kind == "Secret" })
    }

    /// Lists objects of some resources, such as `pods` or `deployments.apps`, of one namespace or
    /// of all.
    public func list(
        _ resources: [String], namespace: String?, labels: [String: String] = [:]
    ) async throws(KubernetesError) -> [JSONValue] {
        if let known = await survey?.list(resources, namespace: namespace, labels: labels) {
            return known
        }
        return try await list(resources, namespace: namespace, labels: labels, options: [])
    }

    func list(
        _ resources: [String], namespace: String?, labels: [String: String] = [:], options: [String]
    ) async throws(KubernetesError) -> [JSONValue] {
        var arguments = ["get", resources.joined(separator: ","), "-o", "json"] + options
        arguments += namespace.map { ["--namespace", $0] } ?? ["--all-namespaces"]
        if !labels.isEmpty {
            arguments += [
                "--selector",
                labels.sorted { $0 < $1 }.map { "\($0)=\($1)" }.joined(separator: ","),
            ]
        }
        let attempt = "list \(resources.joined(separator: ", "))\(namespace.map { " in \($0)" } ?? "")"
        let answer = try await kubectl.json(
            arguments, for: attempt, effect: .read, outputIsSecret: resources.contains("secrets"))
        // Of no objects kubectl prints a List as well.
        guard answer != nil else {
            throw kubectl.unreadable("kubectl printed nothing", to: arguments, for: attempt)
        }
        return answer.objects
    }

    /// Reads the values of a Secret object; `nil` where it does not exist.
    public func readSecret(
        _ name: String, namespace: String
    ) async throws(KubernetesError) -> [String: Secret]? {
        let reference = ObjectReference(
            apiVersion: "v1", kind: "Secret", namespace: namespace, name: name)
        guard let object = try await get(reference) else { return nil }
        var values: [String: Secret] = [:]
        for (key, encoded) in object["data"]?.strings ?? [:] {
            guard let bytes = Data(base64Encoded: encoded),
                let text = String(data: bytes, encoding: .utf8)
            else {
                throw kubectl.unreadable(
                    "the value of \(key) is not base64 of UTF-8 text", for: "read \(reference)")
            }
            values[key] = Secret(text)
        }
        return values
    }

    /// The API server's version, which also shows that it responds.
    public func serverVersion() async throws(KubernetesError) -> ServerVersion {
        let attempt = "ask the API server for its version"
        let command = ["get", "--raw", "/version"]
        guard
            let version = try await kubectl.json(command, for: attempt, effect: .read).flatMap({
                ServerVersion($0)
            })
        else { throw kubectl.unreadable("the answer names no version", to: command, for: attempt) }
        return version
    }

    /// Checks that the API server is ready; where it is not, the error names the failing checks.
    public func requireReady() async throws(KubernetesError) {
        do throws(KubernetesError) {
            _ = try await kubectl.quick(Self.readyTimeout).run(
                ["get", "--raw", "/readyz"], for: "ask the API server whether it is ready",
                effect: .read)
        } catch {
            // `[-]etcd failed: reason withheld` among one line for each check.
            let failing = error.cause.matches(of: /\[-\](\S+) failed/).map { String($0.1) }
            guard !failing.isEmpty else { throw error }
            let isEtcd = failing.contains("etcd")
            throw KubernetesError(
                error.code, attempt: error.attempt, host: error.host, command: error.command,
                exitStatus: error.exitStatus,
                cause: "it is running but not ready: \(failing.joined(separator: ", ")) failed",
                remedy: isEtcd
                    ? "restore a majority of the etcd members on the masters: "
                        + "`crictl ps -a | grep etcd`, or `systemctl status etcd`"
                    : "check the log of kube-apiserver on \(hostName)",
                kind: .unreachable)
        }
    }

    /// A healthy API server answers in milliseconds; one without etcd takes two seconds.
    private static let readyTimeout: Duration = .seconds(4)

    /// The same reader with a short time limit, for requests that a healthy server answers
    /// immediately.
    public func quick(_ limit: Duration) -> ClusterReader {
        var reader = self
        reader.kubectl = kubectl.quick(limit)
        return reader
    }

    /// The API server's clock, to the second: the creation time that a new object would get.
    public func serverTime() async throws(KubernetesError) -> Date {
        let attempt = "ask the API server for its time"
        let nothing: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["generateName": "keybuzz-runner-clock-", "namespace": "default"],
        ]
        let command = ["create", "--dry-run=server", "--validate=false", "-o", "json", "-f", "-"]
        guard
            let answer = try await kubectl.json(
                command, for: attempt, input: nothing.serialized(), effect: .read),
            let time = answer["metadata", "creationTimestamp"]?.string.flatMap(Timestamp.date)
        else {
            throw kubectl.unreadable(
                "the answer has no creationTimestamp", to: command, for: attempt)
        }
        return time
    }

    /// The last lines of a container's log; with `previous`, of the container before the last
    /// restart.
    public func logs(
        pod: String, container: String? = nil, namespace: String, lines: Int = 100,
        previous: Bool = false
    ) async throws(KubernetesError) -> String {
        var arguments = ["logs", "--namespace", namespace, pod, "--tail=\(lines)"]
        if let container { arguments += ["--container", container] }
        if previous { arguments.append("--previous") }
        return try await kubectl.run(arguments, for: "read the log of \(pod)", effect: .read)
            .outputText
    }
}

extension [ObjectReference] {
    /// `Secret a/b and 3 more`, short enough for a sentence.
    var summary: String {
        guard let first else { return "nothing" }
        return count == 1 ? "\(first)" : "\(first) and \(count - 1) more"
    }
}
