import ClientKit
import Foundation
import Glibc
import Journal
import SSH
import SplitMix

/// A run of which everything is random that a run may do; a seed repeats it.
struct RandomRun {
    private static let secret = "p'a\"s$s\\w%rd-22"
    private static let steps = ["fix_ufw_k8s_nodes", "11_ct_00_setup_credentials", "one.more-step"]
    private static let pieces = [
        "", "a", "web 1/1 Running", "\n", "\r\n", "\u{1B}[2J", "\u{0}", "\u{202E}", "\u{2028}", "é", "e\u{301}", "🎉",
        "\"", "\\", "{\"v\":3}", "#7 out| ", secret, "\t", "\u{7F}", "whole", "\u{FEFF}", "\u{FFFD}",
        String(repeating: "x", count: 3000),
    ]
    private static let signs = Signs()

    private let state: StateDirectory
    private var numbers: SplitMix64
    private let redactor = Redactor([Secret(secret)])

    init(in state: StateDirectory, seed: UInt64) {
        self.state = state
        numbers = SplitMix64(seed: seed)
    }

    /// A new run, or the rest of one that is unfinished.
    ///
    /// - Parameter signer: `unsigned`, `signed` by a stand-in for a key, or the file of a key.
    mutating func play(signedBy signer: String) async throws {
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let journal: RunJournal
        if oneIn(2), let unfinished = try state.newestUnfinishedRun(module: "11") {
            let process = RunProcess(
                runnerVersion: "test", arguments: ["runner", "resume", text()], inventoryPath: text(),
                inventoryDigest: "00", why: why())
            journal = try await RunJournal.reopen(unfinished, in: state, by: process, redactor: redactor).journal
        } else {
            let description = RunDescription(
                module: "11", steps: oneIn(9) ? [] : Self.steps, runnerVersion: "test", arguments: ["runner", text()],
                inventoryPath: "/i.json", inventoryDigest: "00", why: why())
            journal = try await RunJournal.create(description, in: state, holding: lock, redactor: redactor)
        }
        switch signer {
        case "unsigned": break
        case "signed": await journal.sign(with: Self.signs)
        default: await journal.sign(with: KeySigns(key: OperatorKey(.keyFile(signer)) { _ in nil }))
        }
        for _ in 0..<Int.random(in: 0...4, using: &numbers) { try await other(journal) }
        for step in Self.steps where !oneIn(4) { try await play(step, in: journal) }
        // Otherwise the process just ends, as one that was killed does.
        if !oneIn(6) {
            let result = [RunResult.succeeded, .failed, .interrupted, .refused].randomElement(using: &numbers)
            try await journal.finish(
                result ?? .failed, exitCode: Int32.random(in: 0...143, using: &numbers), error: oneIn(2) ? text() : nil,
                counts: oneIn(2) ? ["applied": 3] : [:])
        }
        try lock.release()
    }

    private mutating func play(_ step: String, in journal: RunJournal) async throws {
        let file = "\(journal.path)/checkpoints/\(step).json"
        if access(file, F_OK) == 0 {
            if oneIn(3) { return }
            try await journal.withdrawCheckpoint(of: step, because: text())
        }
        try await journal.beginStep(step)
        for _ in 0..<Int.random(in: 0...3, using: &numbers) { try await command(journal) }
        let changes = (0..<Int.random(in: 0...3, using: &numbers)).map { _ in change() }
        try await journal.recordCheck(of: step, inPlace: changes.isEmpty, changes: changes)
        if oneIn(3) { try await other(journal) }
        if oneIn(5) {
            if oneIn(2) { try await journal.saveEvidence(Array(text().utf8), named: "pods.txt", of: step) }
            return try await journal.failStep(step, error: text())
        }
        try await journal.finishStep(step, changes.isEmpty ? .inPlace : .applied, changes: changes)
    }

    private mutating func command(_ journal: RunJournal) async throws {
        let channel = [Activity.Channel.ssh, .postgres, .redis].randomElement(using: &numbers) ?? .ssh
        let activity = Activity(
            channel: channel, host: text(), hostKeyFingerprint: channel == .ssh ? "SHA256:x" : nil,
            as: oneIn(2) ? .init(user: text(), database: oneIn(2) ? text() : nil) : nil, for: oneIn(2) ? text() : nil,
            command: (0...Int.random(in: 0...3, using: &numbers)).map { _ in text() },
            standardInput: oneIn(2) ? redactor.digest(ofInput: Array(text().utf8)) : nil,
            effect: oneIn(2) ? .read : .change, outputIsSecret: oneIn(8))
        try await journal.willBegin(activity)
        for _ in 0..<Int.random(in: 0...4, using: &numbers) {
            var bytes = Array(text().utf8)
            if oneIn(8) { bytes += (0..<50).map { _ in UInt8.random(in: 0...255, using: &numbers) } }
            if oneIn(20) { bytes += [UInt8](repeating: 120, count: 40_000) }
            journal.didReceive(bytes[...], from: oneIn(3) ? .stderr : .stdout, of: activity)
        }
        // One whose result nobody learnt.
        if oneIn(10) { return }
        let ends: [ActivityOutcome.Status] = [
            .exited(0), .exited(1), .signalled("KILL"), .refused(code: text()), .unknown(text()),
        ]
        try await journal.didEnd(
            activity,
            ActivityOutcome(
                status: ends.randomElement(using: &numbers) ?? .exited(0), duration: .milliseconds(5)))
    }

    private mutating func other(_ journal: RunJournal) async throws {
        let head = try await journal.durableHead()
        let contents: [AuditContent] = [
            .preflight(PreflightResult(absent: oneIn(2) ? [text()] : [])), .planComparison, .lockTaken, .lockReleased,
            .lockBroken(LeaseHolder(text(), holder: text())), .lockTakeover(LeaseHolder(text(), run: text())),
            .warning(text()), .note(text()),
            .headWitnessed(
                WitnessRecord(head, [HeadTestimony(witness: text(), .failed, head: head, reason: text())])),
        ]
        if let content = contents.randomElement(using: &numbers) {
            try await journal.record(content, durable: oneIn(2))
        }
    }

    private mutating func change() -> RecordedChange {
        RecordedChange(
            text(), action: oneIn(2) ? "change" : nil, object: oneIn(2) ? text() : nil, field: oneIn(2) ? text() : nil,
            before: oneIn(2) ? text() : nil, after: oneIn(2) ? text() : nil)
    }

    private mutating func why() -> RunReason {
        RunReason(ticket: oneIn(2) ? text() : nil, reason: oneIn(2) ? text() : nil)
    }

    private mutating func text() -> String {
        (0..<Int.random(in: 0...5, using: &numbers)).map { _ in Self.pieces.randomElement(using: &numbers) ?? "" }
            .joined()
    }

    private mutating func oneIn(_ number: Int) -> Bool { Int.random(in: 0..<number, using: &numbers) == 0 }
}

/// Stands for the operator's key; the test's judge knows its signatures.
private struct Signs: HeadSigner {
    func sign(_ statement: [UInt8]) async throws(SigningRefusal) -> HeadSignature {
        HeadSignature(key: "ssh-ed25519 SHA256:k", text: "signed \(SHA256.hash(data: statement).hex)")
    }

    func signBare(_ data: [UInt8]) async throws(SigningRefusal) -> [UInt8]? { nil }
}

/// The operator's key.
private struct KeySigns: HeadSigner {
    let key: OperatorKey

    func sign(_ statement: [UInt8]) async throws(SigningRefusal) -> HeadSignature {
        do throws(OperatorKey.Refusal) {
            let signature = try await key.sign(statement, namespace: HeadSigning.namespace)
            return HeadSignature(key: signature.keyName, text: signature.armored, ed25519Key: signature.ed25519Key)
        } catch {
            throw SigningRefusal(cause: error.cause, remedy: error.remedy)
        }
    }

    func signBare(_ data: [UInt8]) async throws(SigningRefusal) -> [UInt8]? {
        do throws(OperatorKey.Refusal) {
            return try await key.ed25519Signature(over: data)?.signature
        } catch {
            throw SigningRefusal(cause: error.cause, remedy: error.remedy)
        }
    }
}
