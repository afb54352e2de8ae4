import Foundation
import TestSupport
import Testing

/// A run that is interrupted and resumed, with what must hold each time.
struct Interruption {
    /// How many times the run was cut off.
    private(set) var count = 0
    /// What the last one that was cut off had told on its terminal.
    private(set) var told = ""
    private var isFirst = true
    private var secrets: [String: String] = [:]
    private let signals: [Int32]

    /// The run is sent one signal after the other.
    init(signals: [Int32]) { self.signals = signals }

    /// Interrupts the run, or its resumption, while `step` is under way in it.
    ///
    /// A step that finds everything in place takes a fraction of a second and can be over before the signal arrives.
    /// The next run begins it again, and the signal is sent sooner.
    mutating func interrupt(within step: String, _ numbers: inout SeededNumbers) async throws {
        let before = count
        for longest in [300, 100, 30, 0, 0] where count == before {
            let (newest, known) = (try Platform.newestRunIfAny(), try Platform.auditLines().count)
            let running = try start()
            try await eventually("\(step) begins") {
                try Platform.hasBegun(step, after: Platform.newestRunIfAny() == newest ? known : 0)
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...longest, using: &numbers)))
            try await end(running)
        }
        #expect(count == before + 1, "\(step) was over before the signal arrived, five times")
    }

    /// Interrupts after a while; `false` when the run had ended before.
    mutating func interrupt(after moment: Duration) async throws -> Bool {
        let running = try start()
        try await Task.sleep(for: moment)
        guard running.isRunning else {
            let result = try await running.wait()
            #expect(result.status == 0, "\(result.error)")
            return false
        }
        try await end(running)
        return true
    }

    /// Starts the run, or its resumption, which something else is to end with `status`; `false` when nothing did.
    mutating func isEnded(with status: Int32 = 128 + SIGKILL) async throws -> Bool {
        let result = try await start().wait()
        told = result.error
        guard result.status != 0 else { return false }
        #expect(result.status == status, "\(result.status) \(result.error)")
        count += 1
        try await checkSecrets()
        return true
    }

    /// Lets the run end, and checks what must be true of the whole.
    mutating func finish() async throws {
        let result = try await start().wait()
        #expect(result.status == 0, "\(result.error)")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
        try await checkSecrets()
        let migrations = try await Platform.migrations()
        #expect(migrations.values.filter { $0[0] == 1 }.count == 1, "migrated once: \(migrations)")
        #expect(migrations.values.allSatisfy { $0[1] == 0 }, "no migration failed: \(migrations)")
        try await Platform.expectIntactRecord(result.error)
        try await Platform.expectToldObjects()
    }

    /// The first time a run; later `resume`, unless nothing had been begun yet or everything is done.
    private mutating func start() throws -> Command.Running {
        defer { isFirst = false }
        guard !isFirst, let newest = try Platform.newestRunIfAny(),
            FileManager.default.fileExists(atPath: "\(newest)/run.json")
        else { return try Lab.start("run", "11") }
        let outcome = FileManager.default.contents(atPath: "\(newest)/outcome.json")
        let fields = try outcome.map { try JSONSerialization.jsonObject(with: $0) as? [String: Any] }
        let result = fields??["result"] as? String
        return ["succeeded", "refused"].contains(result) ? try Lab.start("run", "11") : try Lab.start("resume")
    }

    private mutating func end(_ running: Command.Running) async throws {
        let signal = signals[count % signals.count]
        running.send(signal)
        let result = try await running.wait(atMost: .seconds(30))
        told = result.error
        if result.status == 128 + signal { count += 1 }
        // A run that was through before the signal came ends with 0.
        #expect([128 + signal, 0].contains(result.status), "signal \(signal): \(result.status) \(result.error)")
        try await checkSecrets()
        let jobs = try await Lab.objects("--all-namespaces", "jobs", "-l", "component=migrations")
        let active = jobs.filter { (($0["status"] as? [String: Any])?["active"] as? Int ?? 0) > 0 }
        #expect(active.count <= 1, "never two migrations at once")
    }

    /// Generated secrets, once they are in the cluster, never change.
    private mutating func checkSecrets() async throws {
        let present = try await Lab.objects(
            "--all-namespaces", "secrets", "--field-selector", "metadata.name=chatwoot-secrets")
        guard let data = present.first?["data"] as? [String: String] else { return }
        let now = data.filter { ["POSTGRES_PASSWORD", "SECRET_KEY_BASE"].contains($0.key) }
        if secrets.isEmpty { secrets = now }
        #expect(now == secrets, "a generated secret was rotated")
    }
}

/// The lab's inventory with something replaced.
struct Variant {
    let path: String

    init(replacing old: String, with new: String) throws {
        try self.init([old: new])
    }

    init(_ replacements: [String: String]) throws {
        var text = try String(contentsOf: Lab.root.appending(path: "Tests/lab/inventory.json"), encoding: .utf8)
        for (old, new) in replacements {
            #expect(text.contains(old))
            text = text.replacing(old, with: new)
        }
        path = FileManager.default.temporaryDirectory.appending(path: "inventory-\(UUID().uuidString).json").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
}
