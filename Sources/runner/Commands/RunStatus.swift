import Foundation
import Journal

/// The state of a run, according to its files.
struct RunStatus: Encodable, Sendable {
    struct Step: Encodable, Sendable {
        let step: String
        let state: String

        var mark: String {
            switch state {
            case "applied", "in place": "✓"
            case "not finished": "·"
            default: "!"
            }
        }
    }

    let run: String
    let started: Date?
    let state: String
    let error: String?
    let steps: [Step]

    init(_ reader: RunReader, in directory: StateDirectory) throws {
        run = reader.id.description
        let header = try reader.header().content
        started = header?.started
        (state, error) = try Self.state(of: reader, in: directory)
        let checkpoints = try reader.checkpoints()
        steps = (header?.steps ?? []).map { step in
            let state =
                switch checkpoints[step] ?? .missing {
                case .whole(let checkpoint): checkpoint.completion.rawValue
                case .damaged(let why): "damaged checkpoint: \(why)"
                case .missing: "not finished"
                }
            return Step(step: step, state: state)
        }
    }

    /// How the run ended, briefly, and the error that ended it.
    static func state(of run: RunReader, in directory: StateDirectory) throws -> (state: String, error: String?) {
        switch try run.outcome() {
        case .whole(let outcome): (outcome.result.rawValue, outcome.error)
        case .damaged(let why): ("damaged", "outcome.json: \(why)")
        case .missing: (try run.isUnderWay(in: directory) ? "running" : "cut off", nil)
        }
    }

    /// A run of another version of `runner`, described by `error`.
    private init(_ reader: RunReader, unreadable error: JournalError) {
        run = reader.id.description
        started = nil
        state = "unknown format"
        self.error = "\(error.path): \(error.cause)"
        steps = []
    }

    /// All runs in `directory`, including those of other versions.
    static func all(in directory: StateDirectory) throws -> [RunStatus] {
        try directory.runs().map { reader in
            do {
                return try RunStatus(reader, in: directory)
            } catch let error as JournalError where error.format != nil {
                return RunStatus(reader, unreadable: error)
            }
        }
    }

    var line: String { "\(run)  \(state)  \(started.map { $0.formatted(.iso8601) } ?? "run.json missing or edited")" }
}
