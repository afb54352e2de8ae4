import ClientKit
import Foundation
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
        private let path = NSTemporaryDirectory() + "bare-\(UUID())"
        private let shell = LocalShell()

        init(_ programs: [String]) throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for program in programs {
                // What would ask another machine is there, and fails.
                let isLocal = ["sh", "flock"].contains(program)
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
            try InventorySample.parse(InventorySample.lab), registry: .init(username: "u", token: Secret("unused")),
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
}
