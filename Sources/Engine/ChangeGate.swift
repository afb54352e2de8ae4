import ClientKit
import Journal
import StepKit

/// The one gate that every activity of a run passes on its way out: records it, and lets a change
/// begin only while the module's lease is held.
struct ChangeGate: ActivityObserver {
    let journal: RunJournal
    let term: LeaseTerm
    let progress: RunProgress
    let notes: Notes

    /// Whether what is sent now is the lease itself, which the API server compares and swaps: that is
    /// safe at any time.
    @TaskLocal static var isWritingLease = false

    var inputDigester: (any InputDigester)? { journal.inputDigester }

    let clocks = PeerClocks()

    /// Also where a change takes long to arrive, or this machine stands still and its clock with it, as one that is paused
    /// by what runs it.
    var fence: Fence? { term.fence }

    var author: String? {
        let step = progress.current.map { "step \($0) of " } ?? ""
        let origin = Self.origin
        return "\(step)run \(journal.id) of \(origin.login) on \(origin.machine) (its process \(origin.pid))"
    }

    private static let origin = Origin.current()

    nonisolated(nonsending) func willBegin(_ activity: Activity) async throws {
        if activity.effect == .change { try failpoint("change.decide") }
        try requireTime(for: activity)
        try await journal.willBegin(activity)
        if activity.effect == .change { try failpoint("change.recorded") }
        do {
            // To record it may have taken long.
            try requireTime(for: activity)
        } catch {
            let code = error is CancellationError ? "cancelled" : "lease expired"
            try await journal.didEnd(
                activity, ActivityOutcome(status: .refused(code: code), duration: .zero))
            throw error
        }
    }

    nonisolated(nonsending) func willWait(_ activity: Activity, for obstruction: Obstruction) async throws {
        // Another run may have the module by now.
        try requireTime(for: activity)
        notes.reporter(of: progress.current).warns(
            "an earlier command is still running on \(activity.host): \(obstruction.words); waiting up to "
                + "\(obstruction.limit.inWords) for it to end",
            about: .words("\(activity.host) \(obstruction.id)"))
    }

    func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity) {
        journal.didReceive(bytes, from: stream, of: activity)
    }

    nonisolated(nonsending) func didEnd(
        _ activity: Activity, _ outcome: ActivityOutcome
    ) async throws {
        if activity.effect == .change { try failpoint("change.made") }
        try await journal.didEnd(activity, outcome)
        if activity.effect == .change { try failpoint("change.ended") }
    }

    private func requireTime(for activity: Activity) throws {
        guard activity.effect == .change, !Self.isWritingLease else { return }
        try term.requireTime()
        // Once sent, a change can only be waited for or left behind.
        try Task.checkCancellation()
    }
}
