import ClientKit
import Kubernetes
import StepKit

extension SiteReader {
    /// `10.0.0.10:6379`.
    var redisWords: String { inventory.redis.summary }

    /// Why Chatwoot cannot use its database, judged from the same state as in the steps; `nil` if
    /// it can.
    ///
    /// Redis is not queried: it may be what fails.
    func refusedUse() async throws -> Cause? {
        let state = try await DatabaseState.read(self, asksRedis: false)
        return state.refusalOfUse("use the database").map { Cause($0.cause, remedy: remedy($0.cure.remedy)) }
    }

    /// The service responds to the runner but not to the pods: a node's firewall or a NetworkPolicy
    /// is in the way.
    func closedWay(to service: String) async throws -> Cause? {
        let closed = await nodesDroppingPodTraffic()
        guard !closed.isEmpty else { return nil }
        return Cause(
            "the pods cannot reach \(service): UFW is active on \(closed.joined(separator: ", ")) and drops forwarded traffic, "
                + "including pod traffic", remedy: firewallRemedy)
    }

    /// The problem with its log and pull Secrets, and with the cause that the log's messages point
    /// to.
    func explained(_ problem: Problem) async throws -> Problem {
        var whole = try await cluster.explained(problem, namespace: inventory.chatwoot.namespace)
        guard let cause = try await LogSymptom(whole.logTail)?.cause(.pods, self) else { return whole }
        whole.summary = "\(cause.cause); \(whole.summary)"
        whole.remedy = cause.remedy
        return whole
    }

    /// What to do about a node that drops pod traffic, by the inventory's policy.
    var firewallRemedy: String { leftFirewallRemedy ?? remedy(.run(from: FixFirewall.self)) }

    /// What the operator must change first if the policy is to leave UFW as it is; `nil` for other
    /// policies.
    var leftFirewallRemedy: String? {
        guard inventory.firewall.policy == .leave else { return nil }
        return "set firewall.policy in \(inventory.path) to \"disabled\" or \"allow-pod-network\" instead of "
            + "\"leave\", and run again"
    }

    /// A refused pull, with the step that fixes the Secret, or the file of its token.
    private func pullRefusal(_ error: KubernetesError) async throws -> StepFailure? {
        guard let problem = error.problem, [.pullUnauthorized, .pullForbidden].contains(problem.code),
            problem.pendingRetry == nil
        else { return nil }
        let step = AddImagePullSecrets()
        let isDrifted = try await !cluster.compare(step.desired(self)).isEmpty
        return StepFailure(
            error.attempt, host: error.host, cause: error.cause,
            remedy: (isDrifted ? "" : "put a token with the scope read:packages into ghcr.env, then ")
                + remedy(.run(from: AddImagePullSecrets.self)))
    }

    /// A migration that its Job ended by time, with the key that sets that.
    private func timeout(_ error: KubernetesError) -> StepFailure? {
        guard error.problem?.code == .jobTimedOut, let raise = inventory.limits.migration.remedy else { return nil }
        return StepFailure(
            error.attempt, host: error.host, cause: error.cause,
            remedy: "check what it was doing; if it only needs more time, \(raise)")
    }

    /// What the registry accepted in this run; `nil` if it could not be reached.
    private func acceptedPull() async throws -> AcceptedPull? {
        let answer = try await registryAnswer(about: .chatwoot(inventory))
        guard case .accepted = answer else { return nil }
        return AcceptedPull(
            image: try await chatwootImage().name, user: credentials.registry.username,
            token: credentials.registry.token)
    }

    /// Waits for workloads of Chatwoot; if the messages in its log hide the cause, the cause is
    /// thrown instead.
    func wait(for workloads: [Workload], within limit: TimeLimit) async throws {
        let isMigration = workloads.contains { if case .job = $0 { true } else { false } }
        do {
            try await cluster.wait(
                for: workloads, namespace: inventory.chatwoot.namespace,
                .telling(reporter, limit: limit, accepted: acceptedPull()))
        } catch let error as KubernetesError {
            let cause: Cause?
            do {
                cause = try await LogSymptom(error.problem?.logTail ?? [])?.cause(
                    isMigration ? .migration : .pods, self)
            } catch {
                // The cause could not be determined; the messages themselves are still reported.
                cause = nil
            }
            if cause == nil, let refused = try await pullRefusal(error) ?? timeout(error) { throw refused }
            guard let cause else { throw error }
            throw StepFailure(
                error.attempt, host: error.host, cause: "\(cause.cause); \(error.cause)", remedy: cause.remedy)
        }
    }
}
