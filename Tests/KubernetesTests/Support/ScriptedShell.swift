import ClientKit
import SSH
import Synchronization
import Testing

/// A remote shell that knows its commands and answers beforehand, and fails the test when asked for anything else.
final class ScriptedShell: RemoteShell {
    /// One command that is expected, and what it answers.
    struct Exchange: Sendable {
        let arguments: [String]
        let effect: Effect
        let result: CommandResult
    }

    let hostName = "k8s-master-01"
    private let script: Mutex<[Exchange]>
    private let seen = Mutex<[RemoteCommand]>([])

    init(_ script: [Exchange]) {
        self.script = Mutex(script)
    }

    /// The commands that were run, in their order.
    var commands: [RemoteCommand] { seen.withLock { $0 } }
    /// How many expected commands have not come.
    var remaining: Int { script.withLock { $0.count } }

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        seen.withLock { $0.append(command) }
        guard let next = script.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
            Issue.record("unexpected command: \(command.arguments)")
            throw Self.failure("the script is at its end")
        }
        #expect(command.arguments.starts(with: ["kubectl", "--kubeconfig", "/root/.kube/config"]))
        #expect(command.arguments.count > 3 && command.arguments[3].hasPrefix("--request-timeout="))
        #expect(Array(command.arguments.dropFirst(4)) == next.arguments)
        #expect(command.environment == ["GOGC": "400", "GOMEMLIMIT": "256MiB", "KUBERC": "off"])
        #expect(command.effect == next.effect)
        return next.result
    }

    static func failure(_ cause: String, kind: FailureKind = .unreachable) -> SSHError {
        SSHError(
            phase: .command, hostName: "k8s-master-01", endpoint: "10.0.0.100:22", attempt: "run kubectl", cause: cause,
            remedy: "look", kind: kind)
    }
}

extension ScriptedShell.Exchange {
    static func read(_ arguments: [String], out: String = "", err: String = "", exit: Int32 = 0) -> Self {
        .init(arguments: arguments, effect: .read, result: .init(exit, out, err))
    }

    static func change(_ arguments: [String], out: String = "", err: String = "", exit: Int32 = 0) -> Self {
        .init(arguments: arguments, effect: .change, result: .init(exit, out, err))
    }
}

extension CommandResult {
    init(_ exit: Int32, _ out: String, _ err: String) {
        self.init(
            exitStatus: exit, standardOutput: Array(out.utf8), standardError: Array(err.utf8), isTruncated: false,
            duration: .milliseconds(80))
    }
}
