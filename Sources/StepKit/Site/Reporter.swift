/// What a step uses to report what it is doing and waiting for; the engine decides who sees it.
public struct Reporter: Sendable {
    /// What is being done or waited for.
    public struct Progress: Sendable, Hashable {
        /// What it is; unchanged for as long as the step waits for the same thing.
        public let text: String
        /// The remaining time, if there is a limit.
        public let left: Duration?

        /// Describes progress; see the properties.
        public init(_ text: String, left: Duration? = nil) {
            self.text = text
            self.left = left
        }

        /// Both on one line: `waiting for Job x, 40 s left`.
        public var summary: String { left.map { "\(text), \($0.components.seconds) s left" } ?? text }
    }

    /// Something that the operator should know but that does not fail the step.
    public struct Warning: Sendable, Hashable {
        /// What a warning is about; a second warning about the same subject is dropped.
        public enum Subject: Sendable, Hashable {
            /// A Kubernetes node that does not answer.
            case absentNode(String)
            /// What its text says.
            case words(String)
            /// A thing about which there may be several warnings.
            case thing(Change.Subject, words: String)
        }

        /// The text, which names what it is about.
        public let text: String
        /// What it is about.
        public let subject: Subject

        /// Describes a warning; without a `subject`, it is about what its text says.
        public init(_ text: String, about subject: Subject? = nil) {
            self.text = text
            self.subject = subject ?? .words(text)
        }
    }

    /// Discards everything.
    public static let silent = Reporter(progress: { _ in }, warning: { _ in })

    private let progress: @Sendable (Progress) -> Void
    private let warning: @Sendable (Warning) -> Void
    private let note: @Sendable (String) -> Void

    /// Passes progress, warnings and notes to these functions.
    public init(
        progress: @escaping @Sendable (Progress) -> Void, warning: @escaping @Sendable (Warning) -> Void,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.progress = progress
        self.warning = warning
        self.note = note
    }

    /// Reports what is being done or waited for now, and how long that may take.
    ///
    /// `text` contains nothing that changes with time alone: a run without a terminal prints it
    /// again whenever it changes.
    public func says(_ text: String, left: Duration? = nil) {
        progress(Progress(text, left: left))
    }

    /// Warns of something that does not fail the step; shown and recorded once per run.
    public func warns(_ text: String, about subject: Warning.Subject? = nil) {
        warning(Warning(text, about: subject))
    }

    /// Notes something that the operator needs after the run, such as how to undo it; recorded, and
    /// shown at the end.
    public func notes(_ text: String) {
        note(text)
    }
}
