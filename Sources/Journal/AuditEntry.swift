public import ClientKit
public import Foundation

/// What an ``AuditEntry`` tells of.
///
/// The set is open: a reader passes over kinds that a later version writes, such as signatures.
public struct AuditKind: RawRepresentable, Codable, Hashable, Sendable {
    /// The word in the log.
    public let rawValue: String
    /// Wraps a word of the log.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The run began; who and what is in run.json, whose digest this first line carries as `prev`.
    public static let runStart = AuditKind(rawValue: "run.start")
    /// A later process goes on with the run.
    public static let runResume = AuditKind(rawValue: "run.resume")
    /// The run ended, with this result.
    public static let runEnd = AuditKind(rawValue: "run.end")
    /// What the preflight found.
    public static let preflight = AuditKind(rawValue: "preflight")
    /// What every step found before the first change was compared with the plan that the run
    /// carries out.
    public static let planComparison = AuditKind(rawValue: "plan.comparison")
    /// The module's lock or Lease was taken.
    public static let lockTaken = AuditKind(rawValue: "lock.taken")
    /// The module's lock or Lease was released.
    public static let lockReleased = AuditKind(rawValue: "lock.released")
    /// The Lease of another run was broken by hand.
    public static let lockBroken = AuditKind(rawValue: "lock.broken")
    /// The Lease of another run, over or expired, was taken over.
    public static let lockTakeover = AuditKind(rawValue: "lock.takeover")
    /// A step began.
    public static let stepStart = AuditKind(rawValue: "step.start")
    /// A step's check answered.
    public static let stepCheck = AuditKind(rawValue: "step.check")
    /// A step ended.
    public static let stepEnd = AuditKind(rawValue: "step.end")
    /// Something is about to be sent to the outside world.
    public static let commandStart = AuditKind(rawValue: "command.start")
    /// What came back.
    public static let commandEnd = AuditKind(rawValue: "command.end")
    /// The checkpoint file of a step is about to be written; carries its digest.
    public static let checkpoint = AuditKind(rawValue: "checkpoint")
    /// A checkpoint does not count any more, and was set aside.
    public static let checkpointWithdrawn = AuditKind(rawValue: "checkpoint.withdrawn")
    /// Evidence of a failure is about to be written; carries its digest.
    public static let evidence = AuditKind(rawValue: "evidence")
    /// Something an auditor should know that stopped nothing.
    public static let warning = AuditKind(rawValue: "warning")
    /// Something the operator needs after the run, such as where a backup lies.
    public static let note = AuditKind(rawValue: "note")
    /// A crash cut the log's end off; the pieces were set aside.
    public static let tornTail = AuditKind(rawValue: "torn-tail")
    /// Something in the state directory is not as a run left it: found when this run began or went
    /// on.
    public static let damage = AuditKind(rawValue: "damage")
    /// A directory of a run without run.json got another name, so that nobody takes it for a run.
    public static let setAside = AuditKind(rawValue: "directory.set-aside")
}

/// Size and SHA-256 of bytes after redaction.
public struct ContentDigest: Codable, Sendable, Hashable {
    /// How many bytes, after redaction.
    public let bytes: Int
    /// SHA-256 of them in hexadecimal digits.
    public let sha256: String
}

/// A file of the run, as a record announces it before the file gets its name.
public struct FileRecord: Codable, Sendable, Hashable {
    /// Where it is, relative to the run's directory.
    public let path: String
    /// How many bytes it has; of a transcript, which grows, how many it had then.
    public let bytes: Int
    /// SHA-256 of those bytes in hexadecimal digits.
    public let sha256: String
    /// The name it had before, where it gets another.
    public var was: String?
}

/// A remote command, statement or request that is about to be sent.
public struct CommandStart: Codable, Sendable, Hashable {
    /// The inventory name of the host, or `address:port`.
    public let host: String
    /// The client that sends it.
    public let channel: Activity.Channel
    /// The verified SSH host key, where the channel is SSH.
    public let hostKey: String?
    /// What it is for, in words; nil where nobody said so.
    public let purpose: String?
    /// The exact argument vector, redacted.
    public let command: [String]
    /// Whether it may change anything.
    public let effect: Effect
    /// What goes to its standard input, where anything does.
    public let stdin: ContentDigest?

    enum CodingKeys: String, CodingKey {
        case host, channel, purpose, command, effect, stdin
        case hostKey = "host_key"
    }
}

/// What came back for a ``CommandStart``.
public struct CommandEnd: Codable, Sendable, Hashable {
    /// The sequence number of the start record.
    public let start: Int
    /// `exited`, `signalled`, `refused` or `unknown`.
    public let outcome: String
    /// The exit status, signal name, error code or reason.
    public let value: String
    /// From sending to the result.
    public let durationMilliseconds: Int
    /// What came on standard output; nil where nothing did.
    public let stdout: ContentDigest?
    /// What came on standard error; nil where nothing did.
    public let stderr: ContentDigest?
    /// Why the transcript does not hold all of it, where it does not.
    public let transcriptFailure: String?

    enum CodingKeys: String, CodingKey {
        case start, outcome, value, stdout, stderr
        case durationMilliseconds = "duration_ms"
        case transcriptFailure = "transcript_failure"
    }
}

/// One line of the audit log.
public struct AuditEntry: Codable, Sendable, Hashable {
    /// The version of the line's format: 2, which announces files; 1 had no ``files``.
    public var version = 2
    /// 1 for the first line, then one more each line; also the line's number.
    public var sequence: Int
    /// When, by the wall clock.
    public var time: Date
    /// Milliseconds since this process opened the run, by a clock nobody can set.
    public var elapsed: Int
    /// The run the line belongs to.
    public var run: RunID
    /// What it tells of.
    public var kind: AuditKind
    /// The step it belongs to.
    public var step: String?
    /// A sentence for people.
    public var text: String?
    /// How it went, in one or two words such as `in place`, `drifted` or `failed`.
    public var result: String?
    /// What is different or was changed, in words.
    public var changes: [String]?
    /// Further facts by name.
    public var details: [String: String]?
    /// The files that are about to get their names, and transcripts as far as they are written.
    public var files: [FileRecord]?
    /// Who, where a process opened the run.
    public var who: Origin?
    /// For ``AuditKind/commandStart``.
    public var command: CommandStart?
    /// For ``AuditKind/commandEnd``.
    public var end: CommandEnd?
    /// SHA-256 of the exact bytes of the line before, without its newline; of run.json for the
    /// first line.
    public var previous: String

    enum CodingKeys: String, CodingKey {
        case time, run, kind, step, text, result, changes, details, files, who, command, end
        case version = "v"
        case sequence = "seq"
        case elapsed = "elapsed_ms"
        case previous = "prev"
    }
}

/// A place in the chain: what is kept outside the log to prove it later.
public struct AuditHead: Codable, Sendable, Hashable, CustomStringConvertible {
    /// The number of the last line; 0 where there is none yet.
    public let sequence: Int
    /// SHA-256 of that line's bytes; of run.json where there is none yet.
    public let hash: String

    enum CodingKeys: String, CodingKey {
        case sequence = "seq"
        case hash
    }

    /// A place that was written down elsewhere.
    public init(sequence: Int, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// `seq:hash`, as annotations and `--expect-head` carry it.
    public var description: String { "\(sequence):\(hash)" }

    /// Reads `seq:hash`.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = Int(parts[0]), parts[1].utf8.count == 64 else { return nil }
        self.init(sequence: sequence, hash: String(parts[1]))
    }
}
