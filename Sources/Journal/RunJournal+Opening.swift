public import ClientKit

extension RunJournal {
    /// Makes the directory of a new run, with run.json and the first record on the disk when it returns.
    ///
    /// `lock` is that of the run's module, and is assigned to the new run. The run's id is later than
    /// that of every other run in `state`, so that the order of ids is the order of runs. Where another
    /// run is being created there for longer than `limit`, the error is of kind `busy`.
    public static func create(
        _ description: RunDescription, in state: StateDirectory, holding lock: ModuleLock,
        redactor: Redactor, within limit: TimeLimit = .seconds(60)
    ) async throws(JournalError) -> RunJournal {
        let opener = JournalOpener(state: state, redactor: redactor)
        return try await opener.create(description, holding: lock, within: limit)
    }

    /// Goes on with a run that a crash, a signal or a failure ended.
    ///
    /// What a crash may leave is repaired, anything else refused. The caller holds the module's lock.
    public static func reopen(
        _ run: RunReader, in state: StateDirectory, by process: RunProcess, redactor: Redactor
    ) async throws(JournalError) -> Reopened {
        let opener = JournalOpener(state: state, redactor: redactor)
        return try await opener.reopen(run, by: process)
    }

    /// What ``reopen(_:in:by:redactor:)`` found.
    public struct Reopened: Sendable {
        /// The journal, ready to append.
        public let journal: RunJournal
        /// What the run was made with.
        public let header: RunHeader
        /// The program that goes on with it.
        public let program: RunHeader.Program
        /// The pieces of records that a crash left at the log's end, where any were: set aside, to be told.
        public let tornTail: TornTail?
        /// The steps whose checkpoints are whole.
        public let finished: [String: Checkpoint]
        /// Why other checkpoints do not count, by step: set aside, to be told.
        public let damaged: [String: String]
        /// Commands that were sent and whose results are not recorded: their outcome is unknown.
        public let unknown: [RecordedCommand]
    }

    /// The end of an audit log that a crash cut off.
    public struct TornTail: Sendable, Hashable {
        /// The number of the line that is not whole.
        public let line: Int
        /// How many bytes were set aside.
        public let bytes: Int
        /// The file that keeps them.
        public let file: String
        /// SHA-256 of them.
        public let sha256: String
    }
}
