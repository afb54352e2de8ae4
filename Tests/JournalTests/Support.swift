import ClientKit
import Foundation
import Glibc
import Journal

/// A new empty directory; all of them are removed when the tests end.
struct Scratch {
    private static let onDisk = root(in: NSTemporaryDirectory())
    /// Where nobody waits for a disk; not every system has it.
    private static let inMemory = access("/dev/shm", W_OK) == 0 ? root(in: "/dev/shm/") : onDisk
    private static let roots = Locked<[String]>([])

    private static func root(in folder: String) -> String {
        let path = folder + "journal-tests-\(getpid())"
        let isFirst = roots.withLock { roots in
            roots.append(path)
            return roots.count == 1
        }
        if isFirst { atexit { for path in Scratch.roots.withLock({ $0 }) { Scratch.remove(path) } } }
        return path
    }

    private static func remove(_ root: String) {
        do {
            try FileManager.default.removeItem(atPath: root)
        } catch {
            print("left behind: \(root): \(error)")
        }
    }

    let path: String

    init(inMemory: Bool = false) throws {
        path = "\(inMemory ? Self.inMemory : Self.onDisk)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func state() throws -> StateDirectory { try StateDirectory.prepare("\(path)/state") }
}

extension StateDirectory {
    /// Another directory with the same content.
    func copy(inMemory: Bool = false) throws -> StateDirectory {
        let other = "\(try Scratch(inMemory: inMemory).path)/state"
        try FileManager.default.copyItem(atPath: path, toPath: other)
        return try StateDirectory.prepare(other)
    }
}

let allSteps = ["fix_ufw_k8s_nodes", "11_ct_00_setup_credentials", "11_ct_01_prepare_config"]

private let plainRun = RunDescription(
    module: "11", steps: allSteps, runnerVersion: "1.0", arguments: ["runner", "run", "11"],
    inventoryPath: "/etc/inventory.json", inventoryDigest: String(repeating: "0", count: 64))

func newRun(
    _ description: RunDescription? = nil, in state: StateDirectory, redactor: Redactor = Redactor()
) async throws -> RunJournal {
    let lock = try ModuleLock.acquire(module: "11", in: state)
    let journal = try await RunJournal.create(
        description ?? plainRun, in: state, holding: lock, redactor: redactor)
    try lock.release()
    return journal
}

extension RunJournal {
    /// Goes on with a run as the same version with the same inventory does.
    static func reopen(
        _ run: RunReader, in state: StateDirectory, redactor: Redactor, why: RunReason = RunReason()
    ) async throws(JournalError) -> Reopened {
        let process = RunProcess(
            runnerVersion: "1.0", arguments: ["runner", "resume"], inventoryPath: "/etc/inventory.json",
            inventoryDigest: String(repeating: "0", count: 64), why: why)
        return try await reopen(run, in: state, by: process, redactor: redactor)
    }
}

func activity(
    _ command: [String] = ["kubectl", "get", "pods"], for purpose: String? = nil, stdin: String = "",
    effect: Effect = .read,
    host: String = "k8s-master-01", redactor: Redactor = Redactor()
) -> Activity {
    Activity(
        channel: .ssh, host: host, hostKeyFingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrwX",
        as: .init(user: "root", keyFingerprint: "SHA256:4fXq0aBnqe8lnSNbKDWb0Y"), for: purpose,
        command: command, standardInput: stdin.isEmpty ? nil : redactor.digest(ofInput: Array(stdin.utf8)),
        effect: effect)
}

extension RunJournal {
    /// Plays a whole command.
    nonisolated func play(
        _ activity: Activity, output: [String] = [], errors: [String] = [], status: ActivityOutcome.Status = .exited(0)
    ) async throws {
        try await willBegin(activity)
        for piece in output { didReceive(Array(piece.utf8)[...], from: .stdout, of: activity) }
        for piece in errors { didReceive(Array(piece.utf8)[...], from: .stderr, of: activity) }
        try await didEnd(activity, ActivityOutcome(status: status, duration: .milliseconds(12)))
    }

    /// Plays a step that changes something.
    nonisolated func playStep(_ step: String) async throws {
        try await beginStep(step)
        try await play(activity(), output: ["NAME READY\n", "web 1/1"])
        try await recordCheck(of: step, inPlace: false, changes: ["create ConfigMap chatwoot-config"])
        try await play(
            activity(["kubectl", "apply", "-f", "-"], stdin: "kind: ConfigMap", effect: .change), output: ["applied\n"],
            errors: ["a warning\n"])
        try await finishStep(step, .applied, changes: ["create ConfigMap chatwoot-config"])
    }
}

func contents(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

func overwrite(_ path: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }
