import ClientKit
import Foundation
import Testing

@testable import Journal

/// docs/audit.schema.json, judged by a library that others wrote.
@Suite(.timeLimit(.minutes(30))) struct SchemaTests {
    private static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let schema = "\(package)/docs/audit.schema.json"

    private func validate(_ logs: [String]) throws -> Finished {
        let prepared = try runToEnd("\(Self.package)/Tests/schema/prepare", [])
        let python = try #require(prepared.status == 0 ? prepared.lines.last : nil, "\(prepared.lines)")
        return try runToEnd(python, ["\(Self.package)/Tests/schema/validate.py", Self.schema] + logs)
    }

    /// Runs with every kind of record.
    private func allKinds() async throws -> [RunReader] {
        let rich = try await RichState()
        let journal = try await newRun(described, in: rich.state, redactor: Redactor([Secret("hunter22")]))
        await journal.sign(with: EverySecond())
        try await journal.record(.planComparison)
        for turn in [nil, LeaseTurn(run: "20260101T000000Z-11-0000", number: 7)] {
            try await journal.record(.lockObserved(LeaseSighting(turn)))
        }
        try await journal.record(.lockObserved(LeaseSighting(nil, isGone: true)))
        try await journal.record(.lockTaken)
        try await journal.record(.lockTakeover(LeaseHolder("taken over", holder: "bob@laptop 7", run: "unknown")))
        try await journal.record(.lockBroken(LeaseHolder("about to be broken")))
        let head = await journal.head
        let testimonies = [
            HeadTestimony(witness: "syslog", .kept, head: head),
            HeadTestimony(witness: "k8s-master-02", .failed, reason: "no space left"),
            HeadTestimony(witness: "the Lease", .known, run: "20260101T000000Z-11-0000", head: head),
        ]
        try await journal.record(.headWitnessed(WitnessRecord(head, testimonies)))
        try await journal.record(.note("a backup is in /var/backups/one"))
        try await journal.beginStep(allSteps[0])
        try await journal.recordCheck(of: allSteps[0], inPlace: false, changes: changes)
        try await journal.finishStep(allSteps[0], .applied, changes: changes)
        try await journal.record(.lockReleased)
        try await journal.finish(.interrupted, exitCode: 130, error: "stopped by SIGINT", counts: ["in place": 0])
        // The run that follows tells of a directory without run.json, and of a log that is damaged.
        let removed = try await newRun(described, in: rich.state)
        try FileManager.default.removeItem(atPath: "\(removed.path)/run.json")
        let log = "\(journal.path)/audit.jsonl"
        let bytes = try contents(log)
        try overwrite(log, bytes.dropLast(30))
        let next = try await newRun(described, in: rich.state)
        try await next.finish(.refused, exitCode: 69)
        try overwrite(log, bytes)
        return [journal.reader, rich.finished, rich.unfinished, next.reader]
    }

    private let changes: [RecordedChange] = [
        RecordedChange(
            "Deployment support/web: spec.replicas: 1 → 2", action: "change", object: "Deployment support/web",
            field: "spec.replicas", before: "1", after: "2"),
        RecordedChange(
            "Secret support/web: data.password: changed", action: "change", object: "Secret support/web",
            field: "data.password", before: "hunter22", after: "hunter23"),
        RecordedChange(
            "create Secret support/other", action: "create", object: "Secret support/other",
            secrets: [
                SecretUse(field: "data.password", after: SecretFingerprint(of: Secret("hunter22"))),
                SecretUse(field: "data.key", after: SecretFingerprint(of: Secret("k"))),
            ]),
        "load the schema",
    ]

    private var described: RunDescription {
        RunDescription(
            module: "11", steps: allSteps, runnerVersion: "1.0", arguments: ["runner", "run", "11"],
            inventoryPath: "/etc/inventory.json", inventoryDigest: String(repeating: "0", count: 64),
            why: RunReason(ticket: "OPS-7", reason: "the certificate of hunter22 expires"))
    }

    @Test func everyKindOfRecordIsAsItSays() async throws {
        let runs = try await allKinds()
        let found = try validate(runs.map { "\($0.path)/audit.jsonl" })
        let json = try JSONSerialization.jsonObject(with: Data(contents(Self.schema))) as? [String: Any]
        let references = (json?["oneOf"] as? [[String: String]] ?? []).compactMap { $0["$ref"] }
        let kinds = references.map { String($0.trimmingPrefix("#/$defs/")) }.sorted()
        #expect(found.status == 0 && found.lines == kinds, "\(found.lines)")
        let entries = try runs.flatMap { try $0.entries() }
        #expect(Set(entries.map(\.kind.rawValue)) == Set(kinds))
        let opening = try #require(entries.first { $0.kind == .runStart && $0.run == runs[0].id })
        guard case .runStart(let opened) = opening.content else { return }
        #expect(opened.ticket == "OPS-7" && opened.reason == "the certificate of ••• expires")
        #expect(opened.clock != nil)
        let secret = try #require(entries.flatMap { $0.changes ?? [] }.first { $0.object == "Secret support/web" })
        #expect(secret.before == "•••" && secret.after == "hunter23" && secret.secret == .different)
        let other = try #require(entries.flatMap { $0.changes ?? [] }.first { $0.object == "Secret support/other" })
        #expect(other.secret == .different)
        #expect(other.secrets?.first?.after == secret.secrets?.first?.before)
    }

    @Test func aRecordThatIsDifferentIsRefused() async throws {
        let run = try await allKinds()[0]
        let lines = try contents("\(run.path)/audit.jsonl").split(separator: UInt8(ascii: "\n"))
        var log: [UInt8] = []
        var places: [String] = []
        for line in lines {
            let record = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            for key in record.keys.sorted() + ["other"] {
                var changed = record
                changed[key] = key == "other" ? 1 : [[1]]
                log += try JSONSerialization.data(withJSONObject: changed) + [UInt8(ascii: "\n")]
                places.append("\(key) of \(record["kind"] ?? "")")
            }
        }
        let file = "\(try Scratch().path)/log"
        try overwrite(file, log)
        let found = try validate([file])
        #expect(found.status == 1)
        for (index, place) in places.enumerated() {
            let start = "\(file), line \(index + 1): "
            #expect(found.lines.contains { $0.hasPrefix(start) }, "\(place) was changed")
        }
    }
}

/// Stands for a key that an agent lends every second time only.
private actor EverySecond: HeadSigner {
    private var isWilling = false

    func sign(_ statement: [UInt8]) async throws(SigningRefusal) -> HeadSignature {
        isWilling.toggle()
        guard isWilling else { throw SigningRefusal(cause: "it refused", remedy: "ask again") }
        return HeadSignature(key: "ssh-ed25519 SHA256:x", text: "a signature\n")
    }

    func signBare(_ data: [UInt8]) async throws(SigningRefusal) -> [UInt8]? { nil }
}
