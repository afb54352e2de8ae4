/// Where a step reports what it is doing and waiting for; the engine decides who sees it.
public struct Reporter: Sendable {
    /// What is being done or waited for.
    public struct Progress: Sendable, Hashable {
        /// What it is; the same for as long as the same is waited for.
        public let text: String
        /// How long the wait may last, if there is a limit; it shrinks with each check.
        public let left: Duration?

        /// Describes progress; see the properties.
        public init(_ text: String, left: Duration? = nil) {
            self.text = text
            self.left = left
        }

        /// Both, on one line: `waiting for Job x, 40 s left`.
        public var words: String { left.map { "\(text), \($0.components.seconds) s left" } ?? text }
    }

    /// Something an operator should know that does not fail the step.
    public struct Warning: Sendable, Hashable {
        /// What a warning is about; two about the same are one.
        public enum Subject: Sendable, Hashable {
            /// A Kubernetes node that does not answer.
            case absentNode(String)
            /// What the words say.
            case words(String)
            /// One thing, of which several can be said.
            case thing(Change.Subject, words: String)
        }

        /// The words, which name what it is about.
        public let text: String
        /// What it is about.
        public let subject: Subject

        /// Describes a warning; without a `subject` its words are that.
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

    /// Sends progress, warnings and notes to these; notes may be of no interest.
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
    /// `text` holds nothing that changes with the time alone: a run without a terminal prints it again whenever it changes.
    public func says(_ text: String, left: Duration? = nil) {
        progress(Progress(text, left: left))
    }

    /// Warns of something that does not fail the step; shown and recorded once a run.
    public func warns(_ text: String, about subject: Warning.Subject? = nil) {
        warning(Warning(text, about: subject))
    }

    /// Notes something the operator needs after the run, such as how to go back; recorded, and shown at the end.
    public func notes(_ text: String) {
        note(text)
    }
}
