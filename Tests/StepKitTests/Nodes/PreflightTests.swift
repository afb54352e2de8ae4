import ClientKit
import Foundation
import Kubernetes
import SSH
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// What would stop a step is told before the first one, and all of it together.
@Suite(.timeLimit(.minutes(15))) struct PreflightTests {
    /// Runs commands on this machine, with these programs and no others.
    private final class BareShell: RemoteShell {
        let hostName = "k8s-master-01"
        let path = NSTemporaryDirectory() + "bare-\(UUID())"
        private let shell = LocalShell()

        init(_ programs: [String]) throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for program in programs {
                // What would ask another machine is there, and fails.
                let isLocal = ["sh", "flock", "sleep"].contains(program)
                try FileManager.default.createSymbolicLink(
                    atPath: "\(path)/\(program)", withDestinationPath: "/usr/bin/\(isLocal ? program : "false")")
            }
        }

        deinit {
            do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(error)") }
        }

        func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
            try await shell.run(
                RemoteCommand(
                    ["env", "PATH=\(path)"] + command.arguments, for: command.purpose,
                    standardInput: command.standardInput, effect: command.effect, timeout: command.timeout))
        }
    }

    private func problems(_ programs: [String]) async throws -> [any ExplainedError] {
        let module = StepKit.Module(
            number: 12, summary: "a sample", application: StepKit.Module.sample.application, steps: [FixFirewall()],
            orderNote: "none",
            preflight: { _ in [StepFailure("ask the database", cause: "it is asleep", remedy: "wake it")] },
            diagnose: { _ in [] }, evidence: { _ in [] })
        let site = SiteSample.readable(
            try InventorySample.parse(InventorySample.lab), of: module,
            registry: .init(username: "u", token: Secret("unused")),
            shell: try BareShell(programs), warn: { _ in })
        return try await module.runPreflight(site)
    }

    @Test func missingProgramsAreToldBesideTheModulesOwnProblems() async throws {
        let problems = try await problems(["sh", "flock"])
        #expect(problems.map(\.cause) == ["curl, kubectl not found on the PATH", "it is asleep"])
        #expect(problems.map(\.host) == ["k8s-master-01", nil])
    }

    @Test func programsThatAreThereAreNoProblem() async throws {
        // Without a cluster, whatever is read ahead fails, and is left to the steps.
        let problems = try await problems(["sh", "flock", "curl", "kubectl"])
        #expect(problems.map(\.cause) == ["it is asleep"])
    }

    @Test func aNodeThatCannotBeAskedIsAProblemToo() async throws {
        let problems = try await problems([])
        #expect(problems.map(\.attempt) == ["find the programs that the steps use", "ask the database"])
    }

    /// Owns one object.
    private struct Owner: ObjectStep, NamedStep {
        static let id: StepID = "owner"
        let summary = "a namespace"
        func desired(_ site: SiteReader) async throws -> [any Manifest] {
            [Namespace(metadata: ObjectMeta(name: "sample"))]
        }
    }

    /// What the preflight finds where kubectl answers a dry run with `answer`, once the module has asked its own question.
    private func problems(
        dryRun answer: String, asking ask: @escaping @Sendable () async throws -> Void
    ) async throws -> [any ExplainedError] {
        let shell = try BareShell(["sh", "flock", "curl", "sleep"])
        let (asked, kubectl) = ("\(shell.path)/asked", "\(shell.path)/kubectl")
        let script = """
            #!/usr/bin/sh
            case " $* " in
            *" /version "*) echo '{"major":"1","minor":"34","gitVersion":"v1.34.9"}' ;;
            *" apply "*) until [ -e \(asked) ]; do sleep 0.02; done; echo '\(answer)' >&2; exit 1 ;;
            *) echo '{"kind":"List","items":[]}' ;;
            esac
            """
        try #require(
            FileManager.default.createFile(
                atPath: kubectl, contents: Data(script.utf8), attributes: [.posixPermissions: 0o755]))
        let module = StepKit.Module(
            number: 12, summary: "a sample", application: { _ in Application(namespace: "sample") }, steps: [Owner()],
            orderNote: "none",
            preflight: { _ in
                do {
                    try Data().write(to: URL(filePath: asked))
                    try await ask()
                    return []
                } catch {
                    return [StepFailure("ask the database", cause: "\(error)", remedy: "report this")]
                }
            },
            diagnose: { _ in [] }, evidence: { _ in [] })
        let site = SiteSample.readable(
            try InventorySample.parse(InventorySample.lab), of: module,
            registry: .init(username: "u", token: Secret("unused")),
            shell: shell, warn: { _ in })
        return try await module.runPreflight(site)
    }

    @Test func theModulesQuestionsAreAskedWhileTheClusterIsCompared() async throws {
        let problems = try await problems(dryRun: "Error from server (Forbidden): not allowed") {}
        #expect(problems.isEmpty, "\(problems)")
    }

    /// The caller may have another master, and asks everything again there.
    @Test func aMasterThatIsLostEndsTheModulesQuestions() async throws {
        let isEnded = Locked(false)
        let began = ContinuousClock.now
        let error = await #expect(throws: (any Error).self) {
            try await problems(dryRun: "Unable to connect to the server: connection refused") {
                do { try await Task.sleep(for: .seconds(100)) } catch { isEnded.withLock { $0 = true } }
            }
        }
        #expect((error as? any ExplainedError)?.kind == .unreachable, "\(String(describing: error))")
        #expect(isEnded.withLock { $0 } && began.duration(to: .now) < .seconds(80))
    }
}
