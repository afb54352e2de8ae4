public import ClientKit
import Synchronization

/// An observer that keeps everything it is told, and can forbid.
public final class RecordingObserver: ActivityObserver {
    /// One activity from beginning to end.
    public struct Entry: Sendable {
        /// What was going to be done.
        public let activity: Activity
        /// What came on standard output.
        public var output = ""
        /// What came on standard error.
        public var remarks = ""
        /// Every end that was reported; there must be exactly one.
        public var ends: [ActivityOutcome.Status] = []

        /// Whether it ended once, without a conclusive answer.
        public var isUnknown: Bool {
            if case .unknown? = ends.first { ends.count == 1 } else { false }
        }
    }

    /// An error that says the disk is full.
    public struct Full: ExplainedError {
        /// Nothing special.
        public let attempt = "write", host: String? = nil, cause = "no space left on device"
        /// Nothing special.
        public let remedy = "Free disk space.", kind = FailureKind.stateNotWritable
    }

    private let state = Mutex<(entries: [Entry], isFull: Bool)>(([], false))

    /// Makes one.
    public init() {}

    /// Everything so far, in order.
    public var entries: [Entry] { state.withLock { $0.entries } }

    /// All that was told, as one text, for looking for what must not be there.
    public var everything: String {
        entries.map { "\($0.activity.command) \($0.activity.host) \($0.output) \($0.remarks) \($0.ends)" }.joined()
    }

    /// From now on nothing can be recorded.
    public func fillUp() { state.withLock { $0.isFull = true } }

    /// Keeps the activity, or forbids it.
    public func willBegin(_ activity: Activity) async throws {
        try state.withLock {
            if $0.isFull { throw Full() }
            $0.entries.append(Entry(activity: activity))
        }
    }

    /// Keeps the text.
    public func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity) {
        let text = String(decoding: bytes, as: UTF8.self)
        change(activity) { if stream == .stdout { $0.output += text } else { $0.remarks += text } }
    }

    /// Keeps the end.
    public func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws {
        change(activity) { $0.ends.append(outcome.status) }
    }

    private func change(_ activity: Activity, _ body: (inout Entry) -> Void) {
        state.withLock {
            guard let index = $0.entries.firstIndex(where: { $0.activity.id == activity.id }) else { return }
            body(&$0.entries[index])
        }
    }
}
