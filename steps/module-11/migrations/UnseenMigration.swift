import ClientKit
import Kubernetes
import StepKit

/// A migration whose node does not report whether it is running: checks the database, and leaves
/// the decision to the operator.
struct UnseenMigration {
    private let site: SiteReader
    private let job: String
    private let pod: String
    private let node: String
    private let isBeforeReset: Bool

    init(_ site: SiteReader, job: String, pod: String, node: String, isBeforeReset: Bool) {
        self.site = site
        (self.job, self.pod, self.node) = (job, pod, node)
        self.isBeforeReset = isBeforeReset
    }

    /// Waits until the node reports again: as long as a migration may take while the database shows
    /// it working, otherwise as long as a rollout.
    func wait(until isSeen: (String) async throws -> Bool) async throws {
        let limits = site.inventory.limits
        let began = ContinuousClock.now
        var lastAtWork = began
        var found = ""
        let isOver = try await poll(within: limits.migration.duration + limits.rollout.duration, every: .seconds(2)) {
            _ in
            if try await isSeen(job) { return true }
            let state = try await DatabaseState.readSessions(site, isBeforeReset: isBeforeReset)
            let isAtWork = !state.migrationSessions.isEmpty
            if isAtWork, began.duration(to: .now) < limits.migration.duration { lastAtWork = .now }
            found =
                isAtWork
                ? "the database shows that it is running: \(state.migrationWords)"
                : "the database shows no session of it, which proves little while it may be starting"
            let left = limits.rollout.duration - lastAtWork.duration(to: .now)
            site.reporter.says(
                "waiting for Job \(job): node \(node) of its pod does not report, \(found)", left: max(left, .zero))
            if left <= .zero { throw refusal(found, after: began.duration(to: .now)) }
            return false
        }
        guard isOver else { throw refusal(found, after: began.duration(to: .now)) }
    }

    private func refusal(_ found: String, after waited: Duration) -> StepFailure {
        let namespace = site.inventory.chatwoot.namespace
        return StepFailure(
            "wait for Job \(job), which an earlier run began", host: site.cluster.hostName,
            cause:
                "it may still be running, and two migrations would destroy each other's tables: node \(node) of its pod \(pod) has "
                + "not reported for \(waited.inWords) (limits.rollout; limits.migration while the database shows it), and \(found)",
            remedy:
                site.remedy(
                    "bring the kubelet of \(node) back; if that node is switched off, or `pgrep -f db:chatwoot_prepare` on it "
                        + "finds nothing, remove the Job and its pod: kubectl -n \(namespace) delete job \(job) --ignore-not-found, then "
                        + "kubectl -n \(namespace) delete pod \(pod) --grace-period=0 --force; then \(.resume)"))
    }
}
