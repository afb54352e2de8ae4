import Foundation
import Journal
import TestSupport
import Testing

@testable import RunnerCommands

/// The events for a SIEM, judged by the schema that OCSF publishes and a library that others wrote.
@Suite(.timeLimit(.minutes(20))) struct OCSFSchemaTests {
    private let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../ocsf")
        .standardizedFileURL

    private func validate(_ events: String) async throws -> (lines: [String], status: Int32) {
        let prepared = try await capture(folder.appending(path: "prepare"), [], in: "/")
        let python = try #require(
            prepared.status == 0 ? prepared.output.split(separator: "\n").last : nil, "\(prepared.output)")
        let file = NSTemporaryDirectory() + "events-\(UUID().uuidString).jsonl"
        try Data(events.utf8).write(to: URL(filePath: file))
        defer { removeItem(file) }
        let found = try await capture(
            URL(filePath: String(python)), [folder.appending(path: "validate.py").path, file])
        return (found.output.replacing("\(file), ", with: "").split(separator: "\n").map(String.init), found.status)
    }

    private func removeItem(_ path: String) {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
    }

    /// The events of runs with every class, one of a signed run, and one that is full of hostile text.
    private func events() async throws -> String {
        let signed = try await SignedRun()
        let samples = (try await ReadableState(), try await AuditSample())
        var texts: [String] = []
        for exported in [
            try await samples.0.run("audit export --format ocsf"),
            try await samples.1.run("$runner audit export --format ocsf"),
            try await AuditSample.run("$runner audit export --format ocsf", state: signed.state.path),
        ] {
            try #require(exported.status == 0, "\(exported.errors)")
            texts.append(exported.output)
        }
        return texts.joined()
    }

    @Test func eachEventFitsThePublishedSchema() async throws {
        let events = try await events()
        let found = try await validate(events)
        print("fit the schema: \(found.lines)")
        #expect(found.status == 0, "\(found.lines)")
        let classes = found.lines.compactMap { $0.split(separator: " ").first }
        #expect(
            classes == [
                "application_lifecycle", "base_event", "datastore_activity", "entity_management", "process_activity",
            ], "\(found.lines)")
    }

    @Test func anEventThatIsDifferentIsRefused() async throws {
        var byClass: [String: [String: Any]] = [:]
        for line in try await events().split(separator: "\n") {
            let event = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            byClass["\(event["class_name"] ?? "")"] = event
        }
        var lines: [String] = []
        var places: [String] = []
        for (name, event) in byClass.sorted(by: { $0.key < $1.key }) {
            for key in event.keys.sorted() + ["other"] {
                var changed = event
                changed[key] = key == "other" ? 1 : [[1]]
                lines.append(String(decoding: try JSONSerialization.data(withJSONObject: changed), as: UTF8.self))
                places.append("\(key) of \(name)")
            }
            for key in ["class_uid", "activity_id", "time", "metadata", "severity_id", "type_uid"] {
                lines.append(
                    String(
                        decoding: try JSONSerialization.data(withJSONObject: event.filter { $0.key != key }),
                        as: UTF8.self))
                places.append("\(name) without \(key)")
            }
        }
        let found = try await validate(lines.joined(separator: "\n"))
        #expect(found.status == 1)
        for (index, place) in places.enumerated() {
            #expect(found.lines.contains { $0.hasPrefix("line \(index + 1): ") }, "\(place) was changed")
        }
        print("refused: \(places.count) events, each with one attribute edited or removed")
    }
}
