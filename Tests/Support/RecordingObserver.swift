public import ClientKit

/// An observer that keeps everything it is told, and can forbid.
public final class RecordingObserver: ActivityObserver {
    /// One activity from beginning to end.
    public struct Entry: Sendable {
        /// What was going to be done.
        public let activity: Activity
        /// What came on standard output.
        public var stdout: [UInt8] = []
        /// What came on standard error.
        public var stderr: [UInt8] = []
        /// Every end that was reported; there must be exactly one.
        public var ends: [ActivityOutcome.Status] = []

        /// What came on standard output, as text.
        public var output: String { String(decoding: stdout, as: UTF8.self) }
        /// What came on standard error, as text.
        public var remarks: String { String(decoding: stderr, as: UTF8.self) }

        /// Whether it ended once, without a conclusive answer.
        public var isUnknown: Bool {
            if case .unknown? = ends.first { ends.count == 1 } else { false }
        }
    }

    /// Digests input as it is.
    public struct Digester: InputDigester {
        /// Size and SHA-256.
        public func digest(ofInput input: [UInt8]) -> ContentDigest {
            ContentDigest(bytes: input.count, sha256: SHA256.hash(data: input).hex)
        }
    }

    /// What changes carry.
    public var fence: Fence? {
        get { state.withLock { $0.fence } }
        set { state.withLock { $0.fence = newValue } }
    }

    /// For all connections that it observes.
    public let clocks = PeerClocks()

    /// One that knows no secrets.
    public var inputDigester: (any InputDigester)? { Digester() }

    /// An error that says the disk is full.
    public struct Full: ExplainedError {
        /// Nothing special.
        public let attempt = "write", host: String? = nil, cause = "no space left on device"
        /// Nothing special.
        public let remedy = "free disk space", kind = FailureKind.stateNotWritable
    }

    fileprivate struct State: Sendable {
        var entries: [Entry] = []
        var ended: [ActivityOutcome.Status] = []
        var received = 0
        var obstructions: [Obstruction] = []
        var isFull: Bool
        var fence: Fence?
    }

    private let state: Locked<State>
    private let losesEnds: Bool
    private let keepsOutput: Bool

    /// Makes one that forbids everything, cannot record an end, or only counts what comes.
    public init(forbids: Bool = false, losesEnds: Bool = false, keepsOutput: Bool = true) {
        state = Locked(State(isFull: forbids))
        self.losesEnds = losesEnds
        self.keepsOutput = keepsOutput
    }

    /// Everything so far, in order.
    public var entries: [Entry] { state.withLock { $0.entries } }
    /// What was begun, in order.
    public var begun: [Activity] { entries.map(\.activity) }
    /// The ends, in their order.
    public var ended: [ActivityOutcome.Status] { state.withLock { $0.ended } }
    /// How many bytes came.
    public var received: Int { state.withLock { $0.received } }

    /// What was waited for, each time that it was told.
    public var obstructions: [Obstruction] { state.withLock { $0.obstructions } }

    /// All that was told, as one text, for looking for what must not be there.
    public var everything: String {
        entries.map { "\($0.activity.command) \($0.activity.host) \($0.output) \($0.remarks) \($0.ends)" }.joined()
    }

    /// From now on nothing can be recorded.
    public func fillUp() { state.withLock { $0.isFull = true } }

    /// From now on everything can be recorded.
    public func allow() { state.withLock { $0.isFull = false } }

    /// Keeps the activity, or forbids it.
    public func willBegin(_ activity: Activity) async throws {
        try state.withLock {
            if $0.isFull { throw Full() }
            $0.entries.append(Entry(activity: activity))
        }
    }

    /// Keeps what is waited for.
    public func willWait(_ activity: Activity, for obstruction: Obstruction) async throws {
        state.withLock { $0.obstructions.append(obstruction) }
    }

    /// Keeps the bytes.
    public func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity) {
        state.withLock { state in
            state.received += bytes.count
            guard keepsOutput else { return }
            state.change(activity) { if stream == .stdout { $0.stdout += bytes } else { $0.stderr += bytes } }
        }
    }

    /// Keeps the end.
    public func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws {
        state.withLock { state in
            state.ended.append(outcome.status)
            state.change(activity) { $0.ends.append(outcome.status) }
        }
        if losesEnds { throw Full() }
    }
}

extension RecordingObserver.State {
    fileprivate mutating func change(_ activity: Activity, by body: (inout RecordingObserver.Entry) -> Void) {
        guard let index = entries.firstIndex(where: { $0.activity.id == activity.id }) else { return }
        body(&entries[index])
    }
}
