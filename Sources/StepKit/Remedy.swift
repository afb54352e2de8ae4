/// What the operator should do next: a command of `runner`, plain text, or text that contains
/// commands.
///
/// It names steps by their type and knows no module's number. The site of a run renders it with the
/// number of that run's module: `site.remedy("free space on the server, then \(.run)")`.
public indirect enum Remedy: Sendable, Hashable {
    /// Run the whole module, every step that is not in place; of a run that one of its steps ended, resume it.
    case run
    /// Leave the run as it is, and start another.
    case newRun
    /// Run the module from a step on.
    ///
    /// The step has to come before the one that fails, so that no chain of remedies returns to
    /// where it began.
    case runFrom(StepID)
    /// Run the module with a new database; the old one is kept aside.
    case runWithNewDatabase
    /// Run the module, and migrate existing data without a backup.
    case runWithoutBackup
    /// Continue the interrupted run.
    case resume
    /// Show what a run would change.
    case plan
    /// Check everything that the module needs.
    case doctor
    /// Something else to do, as text.
    case fix(String)
    /// Text and commands, joined.
    case sentence([Remedy])

    /// Run the module from `step` on; see ``runFrom(_:)``.
    public static func run<Named: NamedStep>(from step: Named.Type) -> Remedy { .runFrom(step.id) }

    /// The sentence to print for module `number`, with each command between two of `quote`; `canResume` says whether
    /// there is a run to resume.
    public func text(forModule number: Int, canResume: Bool = false, quote: String = "`") -> String {
        func command(_ words: String) -> String { "\(quote)runner \(words)\(quote)" }
        return switch self {
        case .run where canResume: command("resume")
        case .run: command("run \(number)")
        case .newRun: command("run \(number) --new")
        case .runFrom(let step): command("run \(number) --from \(step)")
        case .runWithNewDatabase: command("run \(number) --reset-database")
        case .runWithoutBackup: command("run \(number) --no-backup")
        case .resume: command("resume")
        case .plan: command("plan \(number)")
        case .doctor: command("doctor \(number)")
        case .fix(let words): words
        case .sentence(let parts):
            parts.map { $0.text(forModule: number, canResume: canResume, quote: quote) }.joined()
        }
    }

    /// Joins two remedies, like strings.
    public static func + (first: Remedy, second: Remedy) -> Remedy { .sentence([first, second]) }
}

extension Remedy: ExpressibleByStringInterpolation {
    /// Plain text.
    public init(stringLiteral words: String) { self = .fix(words) }

    /// Text that contains commands.
    public init(stringInterpolation interpolation: StringInterpolation) {
        self = .sentence(interpolation.parts)
    }

    /// Collects the parts of a literal.
    public struct StringInterpolation: StringInterpolationProtocol {
        var parts: [Remedy] = []

        /// Starts empty.
        public init(literalCapacity: Int, interpolationCount: Int) {}

        /// Adds text.
        public mutating func appendLiteral(_ words: String) { parts.append(.fix(words)) }

        /// Adds a command.
        public mutating func appendInterpolation(_ remedy: Remedy) { parts.append(remedy) }

        /// Adds a value as text.
        public mutating func appendInterpolation(_ value: some Any) { parts.append(.fix("\(value)")) }
    }
}

extension DefaultStringInterpolation {
    /// A remedy becomes text only through the site that knows the module's number.
    @available(*, unavailable, message: "render it with site.remedy(_:)")
    public mutating func appendInterpolation(_ remedy: Remedy) {}
}

extension SiteReader {
    /// The remedy as text for this run's operator, with its commands in backquotes.
    public func remedy(_ remedy: Remedy) -> String {
        remedy.text(forModule: module.number, canResume: options.canBeResumed)
    }

    /// A command of this run's module, for a line of its own.
    public func commandLine(_ remedy: Remedy) -> String {
        remedy.text(forModule: module.number, quote: "")
    }
}
