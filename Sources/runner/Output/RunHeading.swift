import ClientKit
import Foundation
import Journal

extension RunReader {
    /// The heading of a run's description.
    func heading(in state: StateDirectory) throws -> [TerminalText] {
        let status = try RunStatus.state(of: self, in: state)
        let first: TerminalText = "run \(id.description) of module \(id.module): \(status.state.visibleOnOneLine)"
        let header: RunHeader
        switch try self.header() {
        case .missing: return [first, "  run.json is missing"]
        case .damaged(let why): return [first, "  run.json is damaged: \(why.visibleOnOneLine)"]
        case .whole(let content): header = content
        }
        let facts: [(name: String, value: String?)] = [
            ("began", header.started.formatted(.iso8601)),
            ("ended", try outcome().content?.ended.formatted(.iso8601)),
            ("command", header.runner.arguments.joined(separator: " ")),
            ("runner", "\(header.runner.version), sha256 \(header.runner.sha256)"),
            ("inventory", "\(header.inventory.path), sha256 \(header.inventory.sha256)"),
            ("before", header.previous.map { "run \($0.run), whose log ended with record \($0.audit)" }),
        ]
        return [first] + facts.compactMap { name, value in value.map { "  \(name): \($0.visibleOnOneLine)" } }
    }
}
