public import Foundation

/// What a run is about to do, given when its directory is made.
public struct RunDescription: Sendable {
    /// The module: `11`.
    public var module: String
    /// The module's steps in their order.
    public var steps: [String]
    /// The options of the run beyond its steps, as they are written on the command line.
    public var options: [String]
    /// The version of `runner`.
    public var runnerVersion: String
    /// The command line, without secrets; redacted again.
    public var arguments: [String]
    /// The path of the inventory file.
    public var inventoryPath: String
    /// SHA-256 of the inventory file in hexadecimal digits.
    public var inventoryDigest: String
    /// The bytes of the inventory file, of which a redacted copy is kept.
    public var inventory: [UInt8]?
    /// Who runs it, and from where.
    public var origin: Origin
    /// Why it is run; told in the run's first record.
    public var why: RunReason
    /// The bytes of the sealed plan that it carries out, where it carries out one.
    public var plan: [UInt8]?

    /// Describes a run; see the properties.
    public init(
        module: String, steps: [String], options: [String] = [], runnerVersion: String,
        arguments: [String] = CommandLine.arguments, inventoryPath: String, inventoryDigest: String,
        inventory: [UInt8]? = nil, origin: Origin = .current(), why: RunReason = RunReason(), plan: [UInt8]? = nil
    ) {
        self.module = module
        self.steps = steps
        self.options = options
        self.runnerVersion = runnerVersion
        self.arguments = arguments
        self.inventoryPath = inventoryPath
        self.inventoryDigest = inventoryDigest
        self.inventory = inventory
        self.origin = origin
        self.why = why
        self.plan = plan
    }
}

/// A process that goes on with a run.
public struct RunProcess: Sendable {
    /// The version of `runner`.
    public var runnerVersion: String
    /// The command line, without secrets; redacted again.
    public var arguments: [String]
    /// The path of the inventory file.
    public var inventoryPath: String
    /// SHA-256 of the inventory file in hexadecimal digits.
    public var inventoryDigest: String
    /// Who runs it, and from where.
    public var origin: Origin
    /// Why, as the operator gave it.
    public var why: RunReason

    /// Describes a process; see the properties.
    public init(
        runnerVersion: String, arguments: [String] = CommandLine.arguments, inventoryPath: String,
        inventoryDigest: String, origin: Origin = .current(), why: RunReason = RunReason()
    ) {
        self.runnerVersion = runnerVersion
        self.arguments = arguments
        self.inventoryPath = inventoryPath
        self.inventoryDigest = inventoryDigest
        self.origin = origin
        self.why = why
    }
}

/// The content of run.json.
public struct RunHeader: Codable, Sendable, Hashable {
    /// The program that made the run.
    public struct Program: Codable, Sendable, Hashable {
        /// Its version.
        public let version: String
        /// SHA-256 of the executable file.
        public let sha256: String
        /// Its command line, redacted.
        public let arguments: [String]
    }

    /// The inventory the run was made with.
    public struct InventoryFile: Codable, Sendable, Hashable {
        /// Its path.
        public let path: String
        /// SHA-256 of its bytes.
        public let sha256: String
    }

    /// The run before this one in the same state directory.
    public struct Predecessor: Codable, Sendable, Hashable {
        /// Its id.
        public let run: RunID
        /// Where its audit log stood when this run began; where the log was damaged, the last
        /// record before the damage.
        public let audit: AuditHead
        /// What was wrong with its log then; nil where nothing was.
        public let damage: Damage?
    }

    /// What was wrong with the log of the run before.
    public struct Damage: Codable, Sendable, Hashable {
        /// The number of the first line that does not count.
        public let line: Int?
        /// What is wrong with it, in words.
        public let problem: String
        /// Whether its run can still go on, as one that a crash cut off.
        public let mayGrow: Bool
        /// How many bytes the whole log had.
        public let bytes: Int
        /// SHA-256 of the whole log, damage included.
        public let sha256: String

        enum CodingKeys: String, CodingKey {
            case line, problem, bytes, sha256
            case mayGrow = "may_grow"
        }
    }

    /// The version of the directory's format.
    public let format: Int
    /// The run's id.
    public let run: RunID
    /// The module.
    public let module: String
    /// When it began.
    public let started: Date
    /// Who runs it, and from where.
    public let who: Origin
    /// The program.
    public let runner: Program
    /// The inventory.
    public let inventory: InventoryFile
    /// The module's steps in their order.
    public let steps: [String]
    /// SHA-256 of plan.json, the plan that the run carries out; nil where it carries out none.
    public let plan: String?
    /// The options of the run beyond its steps; nil where there are none.
    public let options: [String]?
    /// The files that were made with this one, before the first record announces them.
    public let files: [FileRecord]?
    /// The run before; nil for the first run of a state directory.
    public let previous: Predecessor?
    /// The list of exports and tombstones as it stood; nil where there was none.
    public let retention: FileRecord?

    enum CodingKeys: String, CodingKey {
        case format, run, module, started, who, runner, inventory, steps, plan, files, previous, retention
        case options = "wishes"
    }
}

/// How a step came to be finished.
public enum StepCompletion: String, Codable, Sendable, Hashable {
    /// Everything was as it must be already.
    case inPlace = "in place"
    /// Changes were applied and verified.
    case applied
}

/// The content of a checkpoint file: the step is finished.
public struct Checkpoint: Codable, Sendable, Hashable {
    /// The version of the file's format.
    public let format: Int
    /// The run.
    public let run: RunID
    /// The finished step.
    public let step: String
    /// How it came to be finished.
    public let completion: StepCompletion
    /// When.
    public let time: Date
    /// What was changed, in words.
    public let changes: [String]
    /// Where the audit log stood: at the step's end record.
    public let audit: AuditHead

    enum CodingKeys: String, CodingKey {
        case format, run, step, time, changes, audit
        case completion = "finished"
    }
}

/// How a run ended.
public enum RunResult: String, Codable, Sendable, Hashable {
    /// Every step is finished.
    case succeeded
    /// A step failed.
    case failed
    /// A signal or the operator stopped it.
    case interrupted
    /// Nothing was changed: the preflight, an inventory or another holder forbade it.
    case refused
    /// No step was run: another run's lock was broken.
    case unlocked
}

/// The content of outcome.json.
public struct RunOutcome: Codable, Sendable, Hashable {
    /// The version of the file's format.
    public let format: Int
    /// The run.
    public let run: RunID
    /// How it ended.
    public let result: RunResult
    /// The exit status of `runner`.
    public let exitCode: Int32
    /// The error as the operator saw it, redacted.
    public let error: String?
    /// The step that failed or was interrupted.
    public let step: String?
    /// When.
    public let ended: Date
    /// How many of what: the caller's counts, and `records`, `commands` and `syncs` of the last
    /// process.
    public let counts: [String: Int]
    /// Where the audit log stood before its last record, which announces this file; in format 1 the
    /// last record itself.
    public let audit: AuditHead

    enum CodingKeys: String, CodingKey {
        case format, run, result, error, step, ended, counts, audit
        case exitCode = "exit_code"
    }
}
