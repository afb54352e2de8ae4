public import ClientKit

/// What the record says with which a process opens a run.
public struct RunOpening: Codable, Sendable, Hashable {
    /// Who, and from where.
    public var who: Origin
    /// The ticket or approval, as the operator gave it.
    public var ticket: String?
    /// Why, as the operator gave it.
    public var reason: String?
    /// What the kernel knows of its clock; nil where it does not tell, and in formats 1 and 2.
    public var clock: ClockState?
    /// SHA-256 of plan.json, where the run carries out a plan.
    public var plan: String?
    /// The program that goes on with the run; of the one that began it, run.json tells.
    public var runner: RunHeader.Program?
    /// The inventory that it goes on with.
    public var inventory: RunHeader.InventoryFile?

    init(
        who: Origin, why: RunReason = RunReason(), clock: ClockState? = nil, plan: String? = nil,
        runner: RunHeader.Program? = nil, inventory: RunHeader.InventoryFile? = nil
    ) {
        self.who = who
        ticket = why.ticket
        reason = why.reason
        self.clock = clock
        self.plan = plan
        self.runner = runner
        self.inventory = inventory
    }
}

/// What the last record of a process's part of a run says.
public struct RunEnding: Codable, Sendable, Hashable {
    /// How it ended.
    public var result: RunResult
    /// The exit status of `runner`.
    public var exitCode: Int32
    /// The error as the operator saw it, redacted.
    public var error: String?
    /// How many of what.
    public var counts: [String: Int]

    enum CodingKeys: String, CodingKey {
        case result, counts
        case exitCode = "exit_code"
        case error = "text"
    }
}

/// What the preflight found.
public struct PreflightResult: Codable, Sendable, Hashable {
    /// The nodes that do not answer and that the run can do without.
    public var absent: [String]
    private let result: Result

    private enum Result: String, Codable { case passed }

    /// The preflight passed.
    public init(absent: [String] = []) {
        self.absent = absent
        result = .passed
    }
}

/// Who had the Lease last, before the run itself.
public struct LeaseSighting: Codable, Sendable, Hashable {
    /// It in a sentence.
    public var text: String
    /// The last turn of another run; nil where the Lease names none.
    public var turn: LeaseTurn?
    /// True where the Lease is gone although the run had or saw it; otherwise nil.
    public var isGone: Bool?

    enum CodingKeys: String, CodingKey {
        case text
        case turn = "last_turn"
        case isGone = "lease_gone"
    }

    /// Tells of `turn`, or that the Lease `isGone`.
    public init(_ turn: LeaseTurn?, isGone: Bool = false) {
        self.turn = turn
        self.isGone = isGone ? true : nil
        text =
            turn.map { "run \($0.run) had the Lease last, with the number \($0.number)" }
            ?? (isGone ? "the Lease, which this run had or saw, was deleted" : "the Lease names no other run")
    }
}

/// Whose Lease was taken over or broken.
public struct LeaseHolder: Codable, Sendable, Hashable {
    /// What was done, in a sentence.
    public var text: String
    /// Who held it; nil where that is not known, and in formats 1 and 2.
    public var holder: String?
    /// The run that held it.
    public var run: String?

    enum CodingKeys: String, CodingKey {
        case text, holder
        case run = "holder_run"
    }

    /// Puts the words and the facts together.
    public init(_ text: String, holder: String? = nil, run: String? = nil) {
        self.text = text
        self.holder = holder
        self.run = run
    }
}

/// What a step's check answered.
public struct StepFinding: Codable, Sendable, Hashable {
    /// Whether something is to be done.
    public enum Result: String, Codable, Sendable {
        /// Everything is as it must be.
        case inPlace = "in place"
        /// Something is not as it must be.
        case drifted
    }

    /// Whether something is to be done.
    public var result: Result
    /// What is different; nil where nothing is.
    public var changes: [RecordedChange]?
}

/// How a step ended.
public struct StepEnding: Codable, Sendable, Hashable {
    /// How a step can end.
    public enum Result: String, Codable, Sendable {
        /// Everything was as it must be already.
        case inPlace = "in place"
        /// Changes were applied and verified.
        case applied
        /// It did not finish.
        case failed
        /// A signal or the operator stopped it.
        case interrupted
    }

    /// How it ended.
    public var result: Result
    /// Why it did not finish.
    public var error: String?
    /// What was changed; nil where nothing was.
    public var changes: [RecordedChange]?

    enum CodingKeys: String, CodingKey {
        case result, changes
        case error = "text"
    }
}

/// The end of a log that a crash cut off.
public struct TornLine: Codable, Sendable, Hashable {
    /// What was found, in a sentence.
    public var text: String
    /// The number of the line that is not whole.
    public var line: Int
}

/// The outcome of signing the head before.
public struct HeadRecord: Codable, Sendable, Hashable {
    /// With which key it was signed, or why it was not, in a sentence.
    public var text: String
    /// The head.
    public var head: AuditHead
    /// The type and fingerprint of the key; nil where nothing was signed.
    public var key: String?
}
