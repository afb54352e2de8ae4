import ClientKit
import Kubernetes
import Postgres
import StepKit

/// What Chatwoot's own words in a log mean here; several of them name a symptom and hide the cause.
enum ChatwootWords: CaseIterable {
    /// `PG::InsufficientPrivilege … permission denied to create extension`.
    case extensionDenied
    /// A login refused; Rails reports it as a missing database where role and database are named alike.
    case loginRefused
    /// A table that the migration makes is not there.
    case tableMissing
    /// The connection to PostgreSQL does not come about.
    case databaseUnreachable
    /// Redis is not reached, or refuses the password.
    case redisUnreachable

    private var marks: [String] {
        switch self {
        case .extensionDenied: ["permission denied to create extension"]
        case .loginRefused:
            ["Couldn't create", "password authentication failed", "We could not find your database", "NoDatabaseError"]
        case .tableMissing: ["UndefinedTable", "relation \""]
        case .databaseUnreachable:
            ["timeout expired", "could not connect to server", "connection to server at", "ConnectionNotEstablished"]
        case .redisUnreachable: ["Redis::CannotConnectError", "RedisClient::CannotConnectError", "WRONGPASS"]
        }
    }

    /// The first meaning that a line of `log` has; `nil` where none is known.
    init?(_ log: some Sequence<String>) {
        let lines = Array(log)
        let found = Self.allCases.first { word in word.marks.contains { mark in lines.contains { $0.contains(mark) } } }
        guard let found else { return nil }
        self = found
    }

    /// The cause behind the words, found out by looking where they point; `nil` where all is well there.
    func meaning(_ site: ReadableSite) async throws -> Meaning? {
        switch self {
        case .extensionDenied:
            return Meaning(
                cause: "an extension is missing that only the admin may create (SQLSTATE 42501)",
                remedy: "`runner run 11 --from 11_ct_00_setup_credentials`, which creates it as the admin")
        case .tableMissing:
            return Meaning(
                cause: "the database \(site.inventory.chatwoot.database) is not migrated for this image",
                remedy: "`runner run 11 --from 11_ct_04_run_migrations`")
        case .loginRefused: return try await login(site)
        case .databaseUnreachable: return try await wayToTheDatabase(site)
        case .redisUnreachable:
            do {
                _ = try await site.redis()
            } catch let error as any ExplainedError {
                return Meaning(cause: error.cause, remedy: error.remedy)
            }
            return try await closedWay(to: "Redis", site)
        }
    }

    /// A cause and what mends it.
    struct Meaning: Sendable, Hashable {
        let cause: String
        let remedy: String
    }

    /// Logs in as Chatwoot does, with the password of the cluster's Secret.
    private func login(_ site: ReadableSite) async throws -> Meaning? {
        let user = site.inventory.chatwoot.databaseUser
        guard let password = try await site.chatwootSecrets().databasePassword else { return nil }
        do {
            try await site.postgres(.chatwoot(password: password)).ping()
            return nil
        } catch let error as PostgresError where error.sqlState == "28P01" {
            return Meaning(
                cause:
                    "the password in Secret \(ChatwootNames.secret) is not the one of PostgreSQL's role \(user) (28P01), "
                    + "which Rails reports as a missing database",
                remedy:
                    "`runner run 11 --from 11_ct_00_setup_credentials`, which gives the role the password of the Secret"
            )
        } catch let error as PostgresError {
            return Meaning(cause: error.cause, remedy: error.remedy)
        }
    }

    private func wayToTheDatabase(_ site: ReadableSite) async throws -> Meaning? {
        if let refused = try await login(site) { return refused }
        return try await closedWay(to: "PostgreSQL", site)
    }

    /// The service answers us and not the pods: what lies in between is a node's firewall or a NetworkPolicy.
    private func closedWay(to service: String, _ site: ReadableSite) async throws -> Meaning? {
        let closed = try await site.nodesDroppingPodTraffic()
        guard !closed.isEmpty else { return nil }
        return Meaning(
            cause:
                "the pods do not reach \(service): UFW is active on \(closed.joined(separator: ", ")) and drops routed "
                + "traffic, which is what pod traffic is", remedy: site.firewallRemedy)
    }
}

extension ReadableSite {
    /// The nodes whose UFW would drop what pods send and get.
    func nodesDroppingPodTraffic() async throws -> [String] {
        let pods = inventory.cluster.podCIDR.description
        return try await onEveryNode("read the firewall of the Kubernetes nodes") { try await $0.firewall() }
            .filter { $0.answer?.dropsRoutedTraffic(of: pods) == true }.map(\.node.name)
    }

    /// The trouble with its log and pull Secrets, and with the cause that Chatwoot's own words in that log hide.
    func explained(_ trouble: Trouble) async throws -> Trouble {
        var whole = try await cluster.explained(trouble, namespace: inventory.chatwoot.namespace)
        guard let meaning = try await ChatwootWords(whole.logTail)?.meaning(self) else { return whole }
        whole.sentence = "\(meaning.cause); \(whole.sentence)"
        whole.remedy = meaning.remedy
        return whole
    }

    /// What to do about a node that drops pod traffic, by the inventory's policy.
    var firewallRemedy: String {
        inventory.firewall.policy == .leave
            ? "set firewall.policy in \(inventory.path) to \"disabled\" or \"allow-pod-network\" instead of \"leave\", "
                + "and run again"
            : "`runner run 11 --from fix_ufw_k8s_nodes`"
    }

    /// A refused pull, with the step that mends the Secret, or the file that its token comes from.
    private func pullRefusal(_ error: KubernetesError) async throws -> StepFailure? {
        guard let code = error.trouble?.code, [.pullUnauthorized, .pullForbidden].contains(code) else { return nil }
        let step = AddImagePullSecrets()
        let isDrifted = try await !cluster.compare(step.desired(self)).isEmpty
        return StepFailure(
            error.attempt, host: error.host, cause: error.cause,
            remedy: (isDrifted ? "" : "put a token with the right read:packages into ghcr.env, then ")
                + "`runner run 11 --from \(step.id)`")
    }

    /// Waits for workloads of Chatwoot; where its own words in a log hide the cause, the cause is thrown instead.
    func wait(for workloads: [Workload], within limit: Duration) async throws {
        do {
            try await cluster.wait(
                for: workloads, namespace: inventory.chatwoot.namespace, .telling(reporter, limit: limit))
        } catch let error as KubernetesError {
            let meaning: ChatwootWords.Meaning?
            do {
                meaning = try await ChatwootWords(error.trouble?.logTail ?? [])?.meaning(self)
            } catch {
                // The look behind the words failed; the words themselves are still the news.
                meaning = nil
            }
            if meaning == nil, let refused = try await pullRefusal(error) { throw refused }
            guard let meaning else { throw error }
            throw StepFailure(
                error.attempt, host: error.host, cause: "\(meaning.cause); \(error.cause)", remedy: meaning.remedy)
        }
    }
}

extension FirewallState {
    /// Whether traffic routed from or to the pod network is dropped.
    func dropsRoutedTraffic(of pods: String) -> Bool {
        guard isActive else { return false }
        return [fate("FWD", from: pods, to: "Anywhere"), fate("FWD", from: "Anywhere", to: pods)].contains { fate in
            switch fate {
            case .allowed: false
            case .stopped: true
            case .undecided: routedDefault != "allow"
            }
        }
    }
}
