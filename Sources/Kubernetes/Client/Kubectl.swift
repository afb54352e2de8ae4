import ClientKit
import SSH

/// Runs kubectl in a host's remote shell: the one place where its command lines are put together.
struct Kubectl: Sendable {
    let shell: any RemoteShell
    let kubeconfig: String
    private(set) var requestTimeout: Duration
    /// How long a whole command may take.
    private(set) var timeout: Duration

    init(shell: any RemoteShell, kubeconfig: String, requestTimeout: Duration) {
        self.shell = shell
        self.kubeconfig = kubeconfig
        self.requestTimeout = requestTimeout
        // One command makes several requests, each with the time limit above; the command itself must outlast them.
        timeout = requestTimeout * 2 + .seconds(30)
    }

    /// A busy namespace's events come to several megabytes; more than this is refused rather than read in part.
    private static let outputLimit = 32 << 20

    /// The same, for questions that a server in good health answers at once: each request may take `requestTimeout`, and the
    /// whole command little longer.
    func quick(_ requestTimeout: Duration) -> Kubectl {
        var quick = self
        quick.requestTimeout = requestTimeout
        quick.timeout = requestTimeout + .seconds(1)
        return quick
    }

    /// Runs kubectl with `arguments` and returns its result; any exit status but 0 is an error.
    ///
    /// With `isMerged` its standard error comes between the lines of its standard output, in the order in which they were written.
    func run(
        _ attempt: String, _ arguments: [String], input: [UInt8] = [], effect: Effect,
        outputIsSecret: Bool = false, isMerged: Bool = false
    ) async throws(KubernetesError) -> CommandResult {
        let began = ContinuousClock.now
        let seconds = max(1, requestTimeout.components.seconds)
        let command =
            (isMerged ? ["sh", "-c", #"exec "$@" 2>&1"#, "sh"] : [])
            + ["kubectl", "--kubeconfig", kubeconfig, "--request-timeout=\(seconds)s"] + arguments
        let result: CommandResult
        do {
            let remote = RemoteCommand(
                command, for: attempt, standardInput: input, effect: effect, timeout: timeout,
                outputLimit: Self.outputLimit, environment: ClusterReader.kubectlEnvironment,
                outputIsSecret: outputIsSecret)
            result = try await shell.run(remote)
        } catch {
            // A question that was not answered in its time has no outcome that anybody would have to look into.
            if effect == .read, error.kind == .unknownOutcome, began.duration(to: .now) >= timeout {
                throw KubernetesError(
                    .serverUnreachable, attempt: attempt, host: shell.hostName, command: command,
                    cause: "no answer within \(timeout.components.seconds) s",
                    remedy: "see whether kube-apiserver and etcd are well on \(shell.hostName)", kind: .unreachable)
            }
            throw KubernetesError(
                .shell(error), attempt: "\(attempt): \(error.attempt)", host: error.host, command: command,
                cause: error.cause, remedy: error.remedy, kind: error.kind)
        }
        guard result.exitStatus == 0 else {
            let refusal = Refusal(
                exitStatus: result.exitStatus, errorText: result.errorText, kubeconfig: kubeconfig,
                host: shell.hostName)
            throw KubernetesError(
                refusal.code, attempt: attempt, host: shell.hostName, command: command,
                exitStatus: result.exitStatus, cause: refusal.cause, remedy: refusal.remedy, kind: refusal.kind)
        }
        guard !result.isTruncated else {
            throw unreadable(attempt, command, "kubectl's answer is larger than \(Self.outputLimit >> 20) MiB")
        }
        return result
    }

    /// Runs kubectl and parses its answer as JSON; no answer at all, as `--ignore-not-found` gives, is `nil`.
    func json(
        _ attempt: String, _ arguments: [String], input: [UInt8] = [], effect: Effect,
        outputIsSecret: Bool = false
    ) async throws(KubernetesError) -> JSONValue? {
        try parsed(
            await run(attempt, arguments, input: input, effect: effect, outputIsSecret: outputIsSecret), attempt,
            arguments)
    }

    /// The answer of `result` as JSON; no answer at all is `nil`.
    func parsed(
        _ result: CommandResult, _ attempt: String, _ arguments: [String]
    ) throws(KubernetesError) -> JSONValue? {
        if result.standardOutput.allSatisfy({ $0 == 0x20 || $0 == 0x0A }) { return nil }
        do {
            return try JSONValue(parsing: result.standardOutput)
        } catch {
            throw unreadable(
                attempt, arguments, "kubectl's answer is not JSON: \(error.message)")
        }
    }

    /// Runs kubectl and returns the objects of its answer, be it one object, a `List` or nothing.
    func objects(
        _ attempt: String, _ arguments: [String], input: [UInt8] = [], effect: Effect,
        outputIsSecret: Bool = false
    ) async throws(KubernetesError) -> [JSONValue] {
        try await json(attempt, arguments, input: input, effect: effect, outputIsSecret: outputIsSecret).objects
    }

    func unreadable(_ attempt: String, _ command: [String], _ cause: String) -> KubernetesError {
        KubernetesError(
            .unreadableAnswer, attempt: attempt, host: shell.hostName, command: command, cause: cause,
            remedy:
                "run the same kubectl command on \(shell.hostName) by hand, and compare its version with the cluster's")
    }
}

extension JSONValue? {
    /// The objects of an answer, be it one object, a `List` or nothing.
    var objects: [JSONValue] {
        flatMap { answer in answer["items"].map(\.elements) ?? [answer] } ?? []
    }
}
