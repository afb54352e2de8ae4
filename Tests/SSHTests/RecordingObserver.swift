import ClientKit
import Synchronization

/// Remembers what a connection told it, and may forbid or fail.
final class RecordingObserver: ActivityObserver {
    struct Refusal: Error {}

    struct Record: Sendable {
        var begun: [Activity] = []
        var ended: [ActivityOutcome.Status] = []
        var stdout: [UInt8] = []
        var stderr: [UInt8] = []
        var keepsOutput = true
        var received = 0
    }

    private let record = Mutex(Record())
    private let forbids: Mutex<Bool>
    private let losesEnds: Bool

    init(forbids: Bool = false, losesEnds: Bool = false, keepsOutput: Bool = true) {
        self.forbids = Mutex(forbids)
        self.losesEnds = losesEnds
        record.withLock { $0.keepsOutput = keepsOutput }
    }

    func allow() { forbids.withLock { $0 = false } }

    var seen: Record { record.withLock { $0 } }

    func willBegin(_ activity: Activity) async throws {
        if forbids.withLock({ $0 }) { throw Refusal() }
        record.withLock { $0.begun.append(activity) }
    }

    func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity) {
        record.withLock {
            $0.received += bytes.count
            guard $0.keepsOutput else { return }
            if stream == .stdout { $0.stdout += bytes } else { $0.stderr += bytes }
        }
    }

    func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws {
        record.withLock { $0.ended.append(outcome.status) }
        if losesEnds { throw Refusal() }
    }
}
