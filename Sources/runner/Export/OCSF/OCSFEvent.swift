import Foundation
import Journal
import Kubernetes

/// An event of the Open Cybersecurity Schema Framework, version 1.5.0.
struct OCSFEvent {
    /// The classes that records become.
    enum Class: Int64 {
        case base = 0
        case processActivity = 1007
        case entityManagement = 3004
        case applicationLifecycle = 6002
        case datastoreActivity = 6005

        var name: String {
            switch self {
            case .base: "Base Event"
            case .processActivity: "Process Activity"
            case .entityManagement: "Entity Management"
            case .applicationLifecycle: "Application Lifecycle"
            case .datastoreActivity: "Datastore Activity"
            }
        }

        var category: (uid: Int64, name: String) {
            switch self {
            case .base: (0, "Uncategorized")
            case .processActivity: (1, "System Activity")
            case .entityManagement: (3, "Identity & Access Management")
            case .applicationLifecycle, .datastoreActivity: (6, "Application Activity")
            }
        }
    }

    /// How grave it is.
    enum Severity: Int64 {
        case informational = 1
        case low, medium, high

        var name: String {
            switch self {
            case .informational: "Informational"
            case .low: "Low"
            case .medium: "Medium"
            case .high: "High"
            }
        }
    }

    /// How it went.
    enum Status: Int64 {
        case unknown = 0
        case success, failure

        var name: String {
            switch self {
            case .unknown: "Unknown"
            case .success: "Success"
            case .failure: "Failure"
            }
        }

        init(_ isSuccess: Bool) { self = isSuccess ? .success : .failure }
    }

    var kind: Class
    var activity: (id: Int64, name: String)
    var severity = Severity.informational
    var status = Status.success
    var statusDetail: String?
    var message: String
    /// The attributes that only this class has.
    var own: [String: JSONValue?] = [:]
    /// What no attribute of the schema fits.
    var unmapped: [String: JSONValue?] = [:]

    /// Something that no class fits.
    static func other(
        _ entry: AuditEntry, says message: String, severity: Severity = .informational, status: Status = .success
    ) -> OCSFEvent {
        OCSFEvent(
            kind: .base, activity: (99, entry.kind.rawValue), severity: severity, status: status, message: message)
    }

    /// The whole event.
    ///
    /// - Parameters:
    ///   - uid: Its name, which no other event has.
    ///   - opening: Who had opened the run then.
    func json(_ entry: AuditEntry, uid: String, opening: RunOpening?, version: String) -> JSONValue {
        var attributes: [String: JSONValue?] = [
            "class_uid": .integer(kind.rawValue), "class_name": .string(kind.name),
            "category_uid": .integer(kind.category.uid), "category_name": .string(kind.category.name),
            "activity_id": .integer(activity.id), "activity_name": .string(activity.name),
            "type_uid": .integer(kind.rawValue * 100 + activity.id),
            "type_name": .string("\(kind.name): \(activity.name)"),
            "severity_id": .integer(severity.rawValue), "severity": .string(severity.name),
            "status_id": .integer(status.rawValue), "status": .string(status.name),
            "status_detail": statusDetail.map(JSONValue.string), "message": .string(message),
            "time": .integer(entry.time.milliseconds),
            "metadata": [
                "version": "1.5.0", "uid": .string(uid), "correlation_uid": .string("\(entry.run)"),
                "log_name": "audit.jsonl", "sequence": .integer(Int64(entry.sequence)), "profiles": ["host"],
                "product": ["name": "runner", "vendor_name": "KeyBuzz", "version": .string(version)],
            ],
            "actor": opening?.actor ?? [:], "device": opening?.device ?? ["type_id": 0, "type": "Unknown"],
        ]
        attributes.merge(own) { $1 }
        var rest = unmapped
        rest["kind"] = .string(entry.kind.rawValue)
        rest["step"] = entry.step.map(JSONValue.string)
        attributes["unmapped"] = .compact(rest)
        return .compact(attributes)
    }
}

extension JSONValue {
    /// An object without the members that are nil.
    static func compact(_ members: [String: JSONValue?]) -> JSONValue { .object(members.compactMapValues(\.self)) }
}

extension Date {
    /// Milliseconds since 1970, as OCSF tells times.
    var milliseconds: Int64 { Int64((timeIntervalSince1970 * 1000).rounded()) }
}

extension RunOpening {
    /// The account that logged in, and the process of `runner`.
    var actor: JSONValue {
        let user: JSONValue = ["name": .string(who.user), "uid": .string("\(who.uid)")]
        return [
            "user": ["name": .string(who.login)],
            "process": ["name": "runner", "pid": .integer(Int64(who.pid)), "user": user],
        ]
    }

    /// The machine that `runner` runs on.
    var device: JSONValue { ["hostname": .string(who.machine), "type_id": 0, "type": "Unknown"] }

    /// The same machine as the source of what is sent, with the operator's own address where SSH told it.
    var source: JSONValue {
        let address = who.sshConnection?.split(separator: " ").first.map { JSONValue.string(String($0)) }
        return .compact([
            "hostname": .string(who.machine), "intermediate_ips": address.map { .array([$0]) },
        ])
    }
}
