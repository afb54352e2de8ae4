import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@testable import Journal
@testable import RunnerCommands

/// A state directory with signed runs, and keys of its own; removed when the test ends.
final class SignedRun {
    let path = NSTemporaryDirectory() + "signed-run-\(UUID().uuidString)"
    let state: StateDirectory
    let steps = ["fix_ufw_k8s_nodes", "11_ct_00_setup_credentials", "11_ct_01_prepare_config"]
    private(set) var run: RunReader

    /// One run that signs with `key`, where one is given, and otherwise with the operator's.
    init(key: OperatorKey? = nil) async throws {
        state = try StateDirectory.prepare("\(path)/state")
        run = RunReader(id: try #require(RunID("20260101T000000Z-11-0000")), path: path)
        try await makeKey("operator")
        try await makeKey("stranger")
        try "operator \(publicKey("operator"))\n".write(toFile: allowed, atomically: true, encoding: .utf8)
        try await addRun(signer: OperatorSigner(key: key ?? self.key("operator")))
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
    }

    /// The file that allows the operator to sign.
    var allowed: String { "\(path)/allowed_signers" }

    func keyFile(_ name: String) -> String { "\(path)/\(name)" }
    func key(_ name: String) -> OperatorKey { OperatorKey(.keyFile(keyFile(name))) { _ in nil } }

    func makeKey(_ name: String) async throws {
        try await runTool("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", keyFile(name)])
    }

    func publicKey(_ name: String) throws -> String {
        try String(contentsOfFile: "\(keyFile(name)).pub", encoding: .utf8)
    }

    /// A later process that goes on with `run`, and does not sign yet.
    func reopen(_ run: RunReader) async throws -> RunJournal {
        try await RunJournal.reopen(
            run, in: state,
            by: RunProcess(runnerVersion: "1.0", inventoryPath: "/i.json", inventoryDigest: "00"), redactor: Redactor()
        ).journal
    }

    /// Another signed run, and somebody who rewrites it and has the stranger's key.
    func forger() async throws -> ForgedChain {
        let other = run
        try await addRun(signer: OperatorSigner(key: key("operator")))
        let stranger = key("stranger")
        return try ForgedChain(run, in: state, borrowing: other) { statement in
            try await stranger.sign(statement, namespace: "keybuzz-runner").armored
        }
    }

    /// Another run of all steps, the last of which fails and is done again by a later process.
    func addRun(
        signer: OperatorSigner?, between: (_ step: String) async throws -> Void = { _ in }
    ) async throws {
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: steps, runnerVersion: "1.0", inventoryPath: "/i.json", inventoryDigest: "00"),
            in: state, holding: lock, redactor: Redactor())
        if let signer { await journal.sign(with: signer) }
        for step in steps.dropLast() {
            try await play(step, in: journal)
            try await between(step)
        }
        try await journal.beginStep(steps[2])
        try await journal.saveEvidence(Array("pod web: CrashLoopBackOff\n".utf8), named: "pods.txt", of: steps[2])
        try await journal.failStep(steps[2], error: "the link was lost")
        try await journal.finish(.failed, exitCode: 1, error: "the link was lost", step: steps[2])
        let again = try await reopen(journal.reader)
        if let signer { await again.sign(with: signer) }
        try await play(steps[2], in: again)
        try await again.finish(.succeeded, exitCode: 0, counts: ["applied": 3])
        try lock.release()
        run = again.reader
    }

    private func play(_ step: String, in journal: RunJournal) async throws {
        try await journal.beginStep(step)
        try await journal.recordCheck(of: step, inPlace: false, changes: ["create ConfigMap chatwoot/web"])
        let activity = Activity(
            channel: .ssh, host: "k8s-master-01", for: "apply ConfigMap chatwoot/web",
            command: ["kubectl", "apply", "-f", "-"], effect: .change)
        try await journal.willBegin(activity)
        journal.didReceive(Array("applied\n".utf8)[...], from: .stdout, of: activity)
        try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(9)))
        try await journal.finishStep(step, .applied, changes: ["create ConfigMap chatwoot/web"])
    }

    func verify(allowed other: String? = nil) async throws -> AuditReport {
        let judge = try await AllowedSignersJudge(path: other ?? allowed)
        return try AuditVerifier(state).verify(run, signatures: judge)
    }
}

/// Runs a local program; fails the test where it fails.
func runTool(_ program: String, _ arguments: [String], environment: [String: String]? = nil) async throws {
    let finished = try await ChildProcess.run(program, arguments, environment: environment)
    try #require(finished.status == 0, "\(program) \(arguments): \(finished.output)")
}
