import ClientKit
import SSH

/// Runs kubectl in a host's remote shell: the one place where its command lines are built.
struct Kubectl: Sendable {
    let shell: any RemoteShell
    let kubeconfig: String
    private(set) var requestTimeout: TimeLimit
    /// How long a whole command may take.
    private(set) var timeout: TimeLimit

    init(shell: any RemoteShell, kubeconfig: String, requestTimeout: TimeLimit) {
        self.shell = shell
        self.kubeconfig = kubeconfig
        self.requestTimeout = requestTimeout
        // One command makes several requests, each with the time limit above; the rest is for a host
        // that is slow to start it.
        timeout = requestTimeout * 2 + .seconds(30)
    }

    /// The events of a busy namespace amount to several megabytes; a larger output than this is an
    /// error.
    private static let outputLimit = 32 << 20

    /// The same for commands of one request, which may take `limit` at most; `margin` is for the start
    /// of kubectl.
    func quick(_ limit: Duration, margin: Duration = .seconds(1)) -> Kubectl {
        var quick = self
        quick.requestTimeout = requestTimeout.atMost(limit)
        quick.timeout = quick.requestTimeout + margin
        return quick
    }

    /// Runs kubectl with `arguments` and returns its result; any exit status other than 0 is an
    /// error.
    ///
    /// With `isMerged`, standard error is merged into standard output (`2>&1`).
    func run(
        _ arguments: [String], for attempt: String, input: [UInt8] = [], effect: Effect,
        outputIsSecret: Bool = false, isMerged: Bool = false, isExclusive: Bool? = nil
    ) async throws(KubernetesError) -> CommandResult {
        let began = ContinuousClock.now
        let seconds = max(1, requestTimeout.duration.components.seconds)
        let command =
            (isMerged ? ["sh", "-c", #"exec "$@" 2>&1"#, "sh"] : [])
            + ["kubectl", "--kubeconfig", kubeconfig, "--request-timeout=\(seconds)s"] + arguments
        let result: CommandResult
        do {
            let remote = RemoteCommand(
                command, for: attempt, standardInput: input, effect: effect, timeout: timeout,
                outputLimit: Self.outputLimit, environment: ClusterReader.kubectlEnvironment,
                outputIsSecret: outputIsSecret, isExclusive: isExclusive)
            result = try await shell.run(remote)
        } catch {
            // A read that timed out changed nothing: its outcome is not unknown.
            if effect == .read, error.kind == .unknownOutcome, began.duration(to: .now) >= timeout.duration {
                throw KubernetesError(
                    .serverUnreachable, attempt: attempt, host: shell.hostName, command: command,
                    cause: "no answer within \(timeout.inWords)",
                    remedy: "check that kube-apiserver and etcd are healthy on \(shell.hostName)",
                    kind: .unreachable)
            }
            throw KubernetesError(
                .shell(error), attempt: "\(attempt): \(error.attempt)", host: error.host,
                command: command,
                cause: error.cause, remedy: error.remedy, kind: error.kind)
        }
        guard result.exitStatus == 0 else {
            let failure = KubectlFailure(
                exitStatus: result.exitStatus, errorText: result.errorText, kubeconfig: kubeconfig,
                host: shell.hostName, within: requestTimeout)
            throw KubernetesError(
                failure.code, attempt: attempt, host: shell.hostName, command: command,
                exitStatus: result.exitStatus, cause: failure.cause, remedy: failure.remedy,
                kind: failure.kind)
        }
        guard !result.isTruncated else {
            throw unreadable(
                "kubectl's answer is larger than \(Self.outputLimit >> 20) MiB", to: command,
                for: attempt)
        }
        return result
    }

    /// Runs kubectl and parses its output as JSON; `nil` where it prints nothing, as with
    /// `--ignore-not-found`.
    func json(
        _ arguments: [String], for attempt: String, input: [UInt8] = [], effect: Effect,
        outputIsSecret: Bool = false, isExclusive: Bool? = nil
    ) async throws(KubernetesError) -> JSONValue? {
        try parsed(
            await run(
                arguments, for: attempt, input: input, effect: effect,
                outputIsSecret: outputIsSecret, isExclusive: isExclusive),
            of: arguments, for: attempt)
    }

    /// The output of kubectl with `arguments` as JSON; `nil` where it printed nothing.
    func parsed(
        _ result: CommandResult, of arguments: [String], for attempt: String
    ) throws(KubernetesError) -> JSONValue? {
        if result.standardOutput.allSatisfy({ $0 == 0x20 || $0 == 0x0A }) { return nil }
        do {
            return try JSONValue(parsing: result.standardOutput)
        } catch {
            throw unreadable(
                "kubectl's answer is not JSON: \(error.message)", to: arguments, for: attempt)
        }
    }

    /// Runs kubectl and returns the objects in its output, be it one object, a `List` or nothing.
    func objects(
        _ arguments: [String], for attempt: String, input: [UInt8] = [], effect: Effect,
        outputIsSecret: Bool = false
    ) async throws(KubernetesError) -> [JSONValue] {
        try await json(
            arguments, for: attempt, input: input, effect: effect, outputIsSecret: outputIsSecret
        ).objects
    }

    /// The error for an answer that is not what kubectl should give to `command`.
    func unreadable(
        _ cause: String, to command: [String] = [], for attempt: String
    ) -> KubernetesError {
        KubernetesError(
            .unreadableAnswer, attempt: attempt, host: shell.hostName, command: command,
            cause: cause,
            remedy: "run the same kubectl command on \(shell.hostName) by hand, "
                + "and compare its version with the cluster's")
    }
}

extension JSONValue? {
    /// The objects in an output, be it one object, a `List` or nothing.
    var objects: [JSONValue] {
        flatMap { answer in answer["items"].map(\.elements) ?? [answer] } ?? []
    }
}
