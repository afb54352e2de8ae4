import ClientKit
import Foundation
import Journal
import Kubernetes

/// Turns the records of a run into events, one by one, holding only the commands that have no result
/// yet.
struct OCSFRecords {
    private let version: String
    private var opening: RunOpening?
    private var open: [Int: (entry: AuditEntry, start: CommandStart)] = [:]

    /// - Parameter version: Of the program that made the run.
    init(version: String) { self.version = version }

    /// The events that `entry` becomes.
    mutating func events(_ entry: AuditEntry) -> [JSONValue] {
        let uid = "\(entry.run):\(entry.sequence)"
        switch entry.content {
        case .runStart(let opened), .runResume(let opened):
            opening = opened
            return [json(began(opened, isNew: entry.kind == .runStart), of: entry, uid: uid)]
        case .commandStart(let start):
            open[entry.sequence] = (entry, start)
            return []
        case .commandEnd(let end):
            guard let (begun, start) = open.removeValue(forKey: end.start) else { return [] }
            return [
                json(
                    command(start, begun: begun, end: end, ended: entry.time), of: begun,
                    uid: "\(entry.run):\(end.start)")
            ]
        case .stepEnd(let ending):
            let changes = ending.result == .applied ? ending.changes ?? [] : []
            let made = changes.enumerated().map { json(change($1), of: entry, uid: "\(uid).\($0 + 1)") }
            return made + [json(plain(entry), of: entry, uid: uid)]
        case .checkpoint: return []
        default: return [json(plain(entry), of: entry, uid: uid)]
        }
    }

    /// The commands whose results are not recorded.
    mutating func rest() -> [JSONValue] {
        defer { open = [:] }
        return open.values.sorted { $0.entry.sequence < $1.entry.sequence }.map { entry, start in
            json(
                command(start, begun: entry, end: nil, ended: nil), of: entry, uid: "\(entry.run):\(entry.sequence)")
        }
    }

    private func json(_ event: OCSFEvent, of entry: AuditEntry, uid: String) -> JSONValue {
        event.json(entry, uid: uid, opening: opening, version: version)
    }

    private func began(_ opened: RunOpening, isNew: Bool) -> OCSFEvent {
        OCSFEvent(
            kind: .applicationLifecycle, activity: (3, "Start"),
            message: isNew ? "\(opened.who.summary) begins the run" : "\(opened.who.summary) goes on with the run",
            own: ["app": app],
            unmapped: [
                "ticket": opened.ticket.map(JSONValue.string), "reason": opened.reason.map(JSONValue.string),
                "ssh_connection": opened.who.sshConnection.map(JSONValue.string),
                "clock_synchronized": opened.clock.map { .bool($0.isSynchronized) },
            ])
    }

    private var app: JSONValue { ["name": "runner", "vendor_name": "KeyBuzz", "version": .string(version)] }

    private func command(
        _ start: CommandStart, begun entry: AuditEntry, end: CommandEnd?, ended: Date?
    ) -> OCSFEvent {
        let isDone = end?.outcome == "exited"
        let code = isDone ? end.flatMap { Int64($0.value) } : nil
        let text = start.command.joined(separator: " ")
        let status: OCSFEvent.Status =
            end.map { $0.outcome == "unknown" ? .unknown : .init(code == 0) } ?? .unknown
        var event = OCSFEvent(
            kind: .processActivity, activity: (1, "Launch"),
            severity: status == .unknown && start.effect == .change ? .medium : .informational, status: status,
            statusDetail: end.map { "\($0.outcome) \($0.value)" } ?? "no result is recorded",
            message: start.purpose ?? text,
            own: [
                "start_time": .integer(entry.time.milliseconds), "end_time": ended.map { .integer($0.milliseconds) },
                "duration": end.map { .integer(Int64($0.durationMilliseconds)) },
            ],
            unmapped: [
                "effect": .string(start.effect.rawValue), "host_key": start.hostKey.map(JSONValue.string),
                "user_key": start.userKey.map(JSONValue.string), "stdin_sha256": start.stdin.map { .string($0.sha256) },
                "stdout_sha256": end?.stdout.map { .string($0.sha256) },
                "stderr_sha256": end?.stderr.map { .string($0.sha256) },
            ])
        switch start.channel {
        case .ssh:
            event.own["exit_code"] = code.map(JSONValue.integer)
            event.own["device"] = ["hostname": .string(start.host), "type_id": 1, "type": "Server"]
            event.own["process"] = .compact([
                "cmd_line": .string(text), "name": start.command.first.map(JSONValue.string),
                "uid": .string("\(entry.run):\(entry.sequence)"),
                "user": start.user.map { ["name": .string($0)] },
            ])
        case .postgres, .redis:
            event.kind = .datastoreActivity
            event.activity = start.effect == .read ? (4, "Query") : (2, "Update")
            event.own["src_endpoint"] = opening?.source ?? ["name": "unknown"]
            event.own["dst_endpoint"] = ["name": .string(start.host)]
            let isRedis = start.channel == .redis
            event.own["database"] = .compact([
                "name": .string(start.database ?? start.channel.rawValue),
                "type_id": isRedis ? 6 : 1, "type": isRedis ? "NoSQL" : "Relational",
            ])
            event.own["query_info"] = [
                "query_string": .string(text), "uid": .string("\(entry.run):\(entry.sequence)"),
                "query_time": .integer(entry.time.milliseconds),
            ]
            event.unmapped["user"] = start.user.map(JSONValue.string)
        }
        return event
    }

    private func change(_ change: RecordedChange) -> OCSFEvent {
        let activity: (Int64, String) =
            switch change.action {
            case "create": (1, "Create")
            case "remove": (4, "Delete")
            case "run": (99, "Run")
            default: (3, "Update")
            }
        let name = change.object ?? change.words
        return OCSFEvent(
            kind: .entityManagement, activity: activity, message: change.words,
            own: [
                "entity": .compact([
                    "name": .string(name),
                    "type": change.object.flatMap { $0.split(separator: " ").first }.map { .string(String($0)) },
                ]),
                "comment": opening?.reason.map(JSONValue.string),
            ],
            unmapped: [
                "field": change.field.map(JSONValue.string), "before": change.before.map(JSONValue.string),
                "after": change.after.map(JSONValue.string), "secret": change.secret.map { .string($0.rawValue) },
                "ticket": opening?.ticket.map(JSONValue.string),
            ])
    }

    private func plain(_ entry: AuditEntry) -> OCSFEvent {
        let words = entry.text ?? entry.kind.rawValue
        switch entry.content {
        case .runEnd(let ending):
            let isGood = ending.result == .succeeded || ending.result == .unlocked
            return OCSFEvent(
                kind: .applicationLifecycle, activity: (4, "Stop"), severity: isGood ? .informational : .medium,
                status: .init(isGood), statusDetail: ending.error,
                message: "the run ends: \(ending.result.rawValue), exit status \(ending.exitCode)",
                own: ["app": app], unmapped: ["exit_code": .integer(Int64(ending.exitCode))])
        case .stepEnd(let ending):
            let isGood = ending.result == .applied || ending.result == .inPlace
            var event = OCSFEvent.other(
                entry, says: "\(entry.step ?? "a step") ends: \(ending.result.rawValue)",
                severity: isGood ? .informational : .medium, status: .init(isGood))
            event.statusDetail = ending.error
            return event
        case .stepStart: return .other(entry, says: "\(entry.step ?? "a step") begins")
        case .stepCheck(let finding):
            return .other(entry, says: "\(entry.step ?? "a step"): \(finding.result.rawValue)")
        case .lockBroken, .lockTakeover: return .other(entry, says: words, severity: .medium)
        case .damage, .setAside: return .other(entry, says: words, severity: .high, status: .failure)
        case .tornTail: return .other(entry, says: words, severity: .medium, status: .failure)
        case .warning, .headUnsigned, .checkpointWithdrawn:
            return .other(entry, says: words, severity: .low, status: .failure)
        case .headWitnessed(let record):
            let bad = record.witnesses.filter { $0.result == .differs || $0.result == .refused }
            return .other(
                entry, says: record.text, severity: bad.isEmpty ? .informational : .high, status: .init(bad.isEmpty))
        default: return .other(entry, says: words)
        }
    }
}
