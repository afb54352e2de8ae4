import Foundation
import Journal
import Testing

@testable import RunnerCommands

/// The events for a SIEM.
@Suite(.timeLimit(.minutes(20))) struct OCSFTests {
    private typealias Event = [String: Any]

    private func events(_ text: String) throws -> [Event] {
        try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? Event)
        }
    }

    private func integer(_ event: Event, _ key: String) -> Int? { (event[key] as? NSNumber)?.intValue }

    /// What version 1.5.0 of the schema requires of each class that is used.
    private static let required: [Int: (category: Int, attributes: [String])] = [
        0: (0, []), 1007: (1, ["actor", "device", "process"]), 3004: (3, ["entity"]), 6002: (6, ["app"]),
        6005: (6, ["actor", "src_endpoint", "database"]),
    ]

    private func check(_ event: Event) throws {
        let (kind, activity) = (try #require(integer(event, "class_uid")), try #require(integer(event, "activity_id")))
        let (category, attributes) = try #require(Self.required[kind])
        #expect(integer(event, "category_uid") == category)
        #expect(integer(event, "type_uid") == kind * 100 + activity)
        #expect((1...6).contains(integer(event, "severity_id") ?? 0))
        #expect((0...2).contains(integer(event, "status_id") ?? -1))
        #expect((integer(event, "time") ?? 0) > 1_700_000_000_000)
        for attribute in attributes + ["metadata", "message", "unmapped"] {
            #expect(event[attribute] != nil, "\(attribute) of \(event)")
        }
        let metadata = event["metadata"] as? Event
        #expect(metadata?["version"] as? String == "1.5.0")
        #expect((metadata?["product"] as? Event)?["vendor_name"] as? String == "KeyBuzz")
        #expect((event["device"] as? Event)?["type_id"] != nil)
    }

    @Test func eachRecordBecomesEventsOfTheClassThatFits() async throws {
        let sample = try await ReadableState()
        let exported = try await sample.run("audit export --format ocsf")
        #expect(exported.status == 0, "\(exported.errors)")
        let events = try events(exported.output)
        for event in events { try check(event) }
        let names = events.map { "\($0["class_name"] ?? ""): \($0["activity_name"] ?? "")" }
        #expect(
            names.first == "Application Lifecycle: Start" && names.last == "Application Lifecycle: Stop", "\(names)")
        let uids = events.compactMap { ($0["metadata"] as? Event)?["uid"] as? String }
        #expect(Set(uids).count == events.count)
        let process = try #require(events.first { integer($0, "class_uid") == 1007 })
        #expect((process["device"] as? Event)?["hostname"] as? String == "k8s-master-01")
        #expect((process["process"] as? Event)?["cmd_line"] is String)
        #expect(integer(process, "duration") == 12 && integer(process, "exit_code") == 0)
        let change = try #require(events.first { integer($0, "class_uid") == 3004 })
        #expect((change["entity"] as? Event)?["name"] as? String == "Deployment support/web")
        #expect((change["unmapped"] as? Event)?["after"] as? String == "2")
        #expect((change["unmapped"] as? Event)?["ticket"] as? String == "OPS-7")
        let start = try #require(events.first)
        #expect((((start["actor"] as? Event)?["process"] as? Event)?["pid"] as? NSNumber)?.int32Value == getpid())
    }

    /// What comes from outside stays on its line, and nothing of it reaches a terminal.
    @Test func hostileTextIsEscaped() async throws {
        let sample = try await AuditSample()
        let exported = try await sample.run("$runner audit export --format ocsf")
        #expect(exported.status == 0, "\(exported.errors)")
        let events = try events(exported.output)
        for event in events { try check(event) }
        #expect(!exported.output.unicodeScalars.contains { hidden.contains($0) })
        #expect(events.contains { ($0["message"] as? String)?.contains("\u{1B}") == true })
        // A result that nobody knows is neither a success nor a failure.
        #expect(events.contains { integer($0, "class_uid") == 1007 && integer($0, "status_id") == 0 })
    }

    @Test func aFileIsWholeAndADamagedLogIsAnError() async throws {
        let sample = try await AuditSample()
        let file = "\(sample.path)/events.jsonl"
        #expect(try await sample.run("$runner audit export --format ocsf -o \(file)").status == 0)
        let whole = try String(contentsOfFile: file, encoding: .utf8)
        #expect(try await whole == sample.run("$runner audit export --format ocsf").output)
        try sample.damage(line: 4)
        let cut = try await sample.run("$runner audit export --format ocsf")
        #expect(cut.status == 65 && whole.hasPrefix(cut.output) && cut.errors.contains("line 4"), "\(cut.errors)")
        #expect(try await sample.run("$runner audit export --format ocsf -o \(file)").status == 65)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == whole)
    }
}
