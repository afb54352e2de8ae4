public import ClientKit

/// The name of a step, taken from the script that it replaces; never changed once shipped, since
/// checkpoints and audit logs contain it.
public struct StepID: Hashable, Sendable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name itself: `11_ct_00_setup_credentials`.
    public let rawValue: String

    /// Wraps a name.
    public init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// Wraps a literal name.
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// Reads the bare name.
    public init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    /// Writes the bare name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    /// The name itself.
    public var description: String { rawValue }
}

/// What a step's check found.
public enum Finding: Sendable, Hashable {
    /// Everything is as desired.
    case inPlace
    /// These changes are missing; never empty.
    case drifted([Change])

    /// ``inPlace`` if there is nothing to change.
    public init(changes: [Change]) {
        self = changes.isEmpty ? .inPlace : .drifted(changes)
    }

    /// The missing changes; none if it is in place.
    public var changes: [Change] {
        switch self {
        case .inPlace: []
        case .drifted(let changes): changes
        }
    }
}

/// One idempotent unit of a module.
///
/// The engine calls `check`; where that finds drift, `apply` and then `verify`; and writes the
/// checkpoint itself. A step has no state, prints nothing, waits only with a deadline, and may be
/// started again at any point.
public protocol Step: Sendable {
    /// The step's name.
    var id: StepID { get }
    /// What the step does, in one phrase.
    var summary: String { get }
    /// Whether the step changes nothing itself: it verifies the result of the steps before it.
    var isProof: Bool { get }
    /// Returns what is missing; a ``SiteReader`` cannot change anything.
    func check(_ site: SiteReader) async throws -> Finding
    /// Makes the changes that `check` found missing; may be repeated at any time.
    func apply(_ changes: [Change], to site: SiteWriter) async throws
    /// Verifies the result within a deadline, and on failure throws the cause, not the symptom.
    func verify(_ site: SiteReader) async throws
}

/// A step that a module has at most once and that is identified by its type.
public protocol NamedStep: Step {
    /// The step's name.
    static var id: StepID { get }
}

extension NamedStep {
    /// The name of its type.
    public var id: StepID { Self.id }
}

extension Step {
    /// False: a step changes something unless it says otherwise.
    public var isProof: Bool { false }
}

/// A module: its number, what it installs, its section of the inventory, and its steps in order.
public struct Module: Sendable {
    /// The number that an operator types, such as 11.
    public let number: Int
    /// What it does, in one line.
    public let summary: String
    /// Its own section of the inventory; nil where it has none.
    package let section: (any InventorySection.Type)?
    /// What it installs, according to the inventory.
    public let application: @Sendable (Inventory) -> Application
    /// The steps, first to last.
    public let steps: [any Step]
    /// Why the order differs from that of the old scripts.
    public let orderNote: String
    /// Checks, before the first step, for everything that would stop a later one; only reads, and
    /// returns all problems together.
    public let preflight: @Sendable (SiteReader) async -> [any ExplainedError]
    /// Checks whether the module is healthy, at any time; only reads.
    public let diagnose: @Sendable (SiteReader) async -> [Diagnosis]
    /// Gathers the state of the platform for the analysis of a failure; only reads.
    public let evidence: @Sendable (SiteReader) async -> [Evidence]

    /// Describes a module; see the properties.
    package init(
        number: Int, summary: String, section: (any InventorySection.Type)? = nil,
        application: @escaping @Sendable (Inventory) -> Application,
        steps: [any Step], orderNote: String,
        preflight: @escaping @Sendable (SiteReader) async -> [any ExplainedError],
        diagnose: @escaping @Sendable (SiteReader) async -> [Diagnosis],
        evidence: @escaping @Sendable (SiteReader) async -> [Evidence]
    ) {
        self.number = number
        self.summary = summary
        self.section = section
        self.application = application
        self.steps = steps
        self.orderNote = orderNote
        self.preflight = preflight
        self.diagnose = diagnose
        self.evidence = evidence
    }
}
