import Foundation

/// What lines of formats 1 and 2 carry beyond their envelope: every kind had the same fields, and
/// facts were texts in a dictionary.
struct EarlierFields: Decodable {
    let text: String?
    let result: String?
    let changes: [String]?
    let details: [String: String]?
    let who: Origin?
    let command: CommandStart?
    let end: CommandEnd?

    /// The same by kinds.
    func content(_ kind: AuditKind) throws -> AuditContent {
        switch kind {
        case .runStart, .runResume:
            let opening = RunOpening(who: try required(who, "who"), plan: details?["plan"])
            return kind == .runStart ? .runStart(opening) : .runResume(opening)
        case .runEnd: return .runEnd(try ending())
        case .preflight:
            let absent = details?["absent"]?.split(separator: " ").map(String.init) ?? []
            return .preflight(PreflightResult(absent: absent))
        case .planComparison: return .planComparison
        case .lockTaken: return .lockTaken
        case .lockReleased: return .lockReleased
        case .lockBroken: return .lockBroken(LeaseHolder(text ?? ""))
        case .lockTakeover: return .lockTakeover(LeaseHolder(text ?? ""))
        case .stepStart: return .stepStart
        case .stepCheck: return .stepCheck(StepFinding(result: try word(), changes: typedChanges))
        case .stepEnd: return .stepEnd(StepEnding(result: try word(), error: text, changes: typedChanges))
        case .commandStart: return .commandStart(try required(command, "command"))
        case .commandEnd: return .commandEnd(try required(end, "end"))
        case .checkpoint: return .checkpoint
        case .checkpointWithdrawn: return .checkpointWithdrawn(text ?? "")
        case .evidence: return .evidence
        case .warning: return .warning(text ?? "")
        case .note: return .note(text ?? "")
        case .tornTail:
            return .tornTail(TornLine(text: text ?? "", line: try required(fact("line").flatMap { Int($0) }, "line")))
        case .damage: return .damage(text ?? "")
        case .setAside:
            let (name, sha256) = (try required(fact("name"), "name"), try required(fact("sha256"), "sha256"))
            let aside = SetAsideDirectory(name: name, sha256: sha256, result: try word(), text: text ?? "")
            return .setAside(aside)
        default: return .other(kind)
        }
    }

    private func ending() throws -> RunEnding {
        var counts: [String: Int] = [:]
        let prefix = "count."
        for (name, value) in details ?? [:] where name.hasPrefix(prefix) {
            counts[String(name.dropFirst(prefix.count))] = Int(value)
        }
        let code = try required(fact("exit_code").flatMap { Int32($0) }, "exit_code")
        return RunEnding(result: try word(), exitCode: code, error: text, counts: counts)
    }

    private var typedChanges: [RecordedChange]? { changes?.map { RecordedChange($0) } }

    private func fact(_ name: String) -> String? { details?[name] }

    private func word<T: RawRepresentable<String>>() throws -> T {
        try required(result.flatMap(T.init(rawValue:)), "result")
    }

    private func required<T>(_ value: T?, _ name: String) throws -> T {
        guard let value else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "it lacks its \(name)"))
        }
        return value
    }
}
