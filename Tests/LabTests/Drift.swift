import Foundation
import Testing

/// One kind of drift: how it is caused, and the words that a plan must have for it.
struct Drift: Sendable {
    let name: String
    let words: [String]
    fileprivate let cause: Cause

    fileprivate enum Cause: Sendable {
        /// A JSON patch of an object; those of one object are sent together, so that a Deployment rolls once.
        case patch(String, String)
        case action(@Sendable () async throws -> Void)
    }

    /// A field set by hand: `path` of the JSON patch, the value as JSON, and the words.
    static func field(_ object: String, _ path: String, _ value: String, _ words: String) -> Drift {
        Drift(
            name: "\(object) \(path)", words: [words, "(set by kubectl-patch, 20"],
            cause: .patch(object, #"{"op":"replace","path":"\#(path)","value":\#(value)}"#))
    }

    /// An element added to a list by hand.
    static func added(_ object: String, _ path: String, _ value: String, _ words: String) -> Drift {
        Drift(
            name: "\(object) \(path) added", words: [words, "(set by kubectl-patch, 20"],
            cause: .patch(object, #"{"op":"add","path":"\#(path)","value":\#(value)}"#))
    }

    /// A field taken away by hand, which nobody manages then.
    static func removed(_ object: String, _ path: String, _ words: String) -> Drift {
        Drift(
            name: "\(object) without \(path)", words: [words],
            cause: .patch(object, #"{"op":"remove","path":"\#(path)"}"#))
    }

    /// An object deleted by hand, and gone when the drift has been provoked.
    static func deleted(_ object: String, _ words: String) -> Drift {
        Drift(
            name: "\(object) deleted", words: [words],
            cause: .action {
                try await Lab.call(
                    ["kubectl"] + (object.hasPrefix("namespace/") ? [] : ["-n", "chatwoot"])
                        + ["delete", object, "--timeout=120s"])
            })
    }

    static func sql(_ name: String, _ statement: String, database: String = "postgres", _ words: String...) -> Drift {
        Drift(name: name, words: words, cause: .action { _ = try await Lab.sql(statement, database: database) })
    }

    static func command(_ name: String, _ arguments: [String], _ words: String...) -> Drift {
        Drift(name: name, words: words, cause: .action { try await Lab.call(arguments) })
    }

    static func action(_ name: String, _ words: String..., provoke: @escaping @Sendable () async throws -> Void)
        -> Drift
    {
        Drift(name: name, words: words, cause: .action(provoke))
    }

    /// Provokes all of them.
    static func provoke(_ drifts: [Drift]) async throws {
        var patches: [(object: String, operations: [String])] = []
        for drift in drifts {
            switch drift.cause {
            case .action(let provoke): try await provoke()
            case .patch(let object, let operation):
                if let index = patches.firstIndex(where: { $0.object == object }) {
                    patches[index].operations.append(operation)
                } else {
                    patches.append((object, [operation]))
                }
            }
        }
        for (object, operations) in patches {
            let scope = object.hasPrefix("namespace/") ? [] : ["-n", "chatwoot"]
            try await Lab.call(
                ["kubectl"] + scope + ["patch", object, "--type=json", "-p", "[\(operations.joined(separator: ","))]"])
        }
    }
}

/// Holds what runs did against what plans had said.
struct Honesty {
    private(set) var compared = 0
    private(set) var unknowable = 0

    private struct Plan: Decodable {
        struct Step: Decodable {
            struct Change: Decodable {
                let summary: String
                let certainty: String
                var isKnown: Bool { certainty != "cannot be known before" }
            }
            let step: String
            let changes: [Change]
        }
        let steps: [Step]
    }

    /// Plans, expects each of `drifts` in the plan, runs, and expects that the run did what the plan had said.
    mutating func planAndRun(_ drifts: [Drift], _ options: [String] = []) async throws {
        let planned = try await Command([Lab.command, "run", Lab.runner, "plan", "11", "--format", "json"] + options)
            .run()
        try #require(planned.status == 0, "\(planned.error)")
        let plan = try JSONDecoder().decode(Plan.self, from: Data(planned.output.utf8))
        let summaries = plan.steps.flatMap(\.changes).map(\.summary)
        for drift in drifts {
            let isNamed = summaries.contains { summary in drift.words.allSatisfy { summary.contains($0) } }
            #expect(isNamed, "\(drift.name) is not named:\n\(summaries.joined(separator: "\n"))")
        }
        let run = try await Command([Lab.command, "run", Lab.runner, "run", "11"] + options).run()
        try #require(run.status == 0, "\(run.error)")
        try compare(plan)
        let after = try await Command(
            [Lab.command, "run", Lab.runner, "plan", "11", "--detailed-exitcode"] + options
        ).run()
        #expect(after.status == 0, "\(after.output)")
        #expect(after.output.contains("nothing to change"))
    }

    private mutating func compare(_ plan: Plan) throws {
        let ends = try Platform.auditLines().filter { $0["kind"] as? String == "step.end" }
        #expect(ends.count == plan.steps.count)
        for step in plan.steps {
            let end = ends.first { $0["step"] as? String == step.step }
            var done = end.map(Platform.changes) ?? []
            for change in step.changes where change.isKnown {
                if let index = done.firstIndex(of: change.summary) {
                    done.remove(at: index)
                    compared += 1
                } else {
                    Issue.record("\(step.step) did not do what was planned: \(change.summary)\nbut: \(done)")
                }
            }
            // Pods that wait for the kubelet are found when they do, be it after the plan.
            done.removeAll { $0 == "restart pods that the kubelet would try again only later" }
            let open = step.changes.count { !$0.isKnown }
            unknowable += open
            #expect(open > 0 || done.isEmpty, "\(step.step) did what was not planned: \(done)")
        }
    }
}
