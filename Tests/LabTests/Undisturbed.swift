import Foundation
import Testing

/// What a run makes that nothing disturbs, found out once for all tests of this process.
///
/// Leaves the lab as that run has left it, or as it was.
enum Undisturbed {
    private static let run = Task {
        try await Lab.reset()
        let run = try await Lab.runner("run", "11")
        try #require(run.status == 0, "\(run.error)")
        return (fingerprint: try await Platform.fingerprint(), seconds: run.seconds, steps: try durations())
    }

    /// See ``Platform/fingerprint()``.
    static func fingerprint() async throws -> [String] { try await run.value.fingerprint }

    /// How long it takes here and now, in seconds.
    static func seconds() async throws -> Double { try await run.value.seconds }

    /// The steps in their order, each with its seconds.
    static func steps() async throws -> [(name: String, seconds: Double)] { try await run.value.steps }

    private static func durations() throws -> [(name: String, seconds: Double)] {
        var (steps, began): ([(name: String, seconds: Double)], [String: Date]) = ([], [:])
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for line in try Platform.auditLines() {
            guard let step = line["step"] as? String, let time = line["time"] as? String else { continue }
            switch line["kind"] as? String {
            case "step.start": began[step] = try Date(time, strategy: format)
            case "step.end":
                let start = try #require(began[step])
                steps.append((step, try Date(time, strategy: format).timeIntervalSince(start)))
            default: continue
            }
        }
        try #require(steps.count == 7)
        return steps
    }
}
