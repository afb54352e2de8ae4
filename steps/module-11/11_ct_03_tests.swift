import ClientKit
import Kubernetes
import Postgres
import Redis
import StepKit

/// Verifies that Chatwoot is served: from every node, through the Service and through the ingress,
/// and that its workers are alive.
///
/// The old script printed errors and exited 0; here each failure is a failure, with its cause.
struct ProveService: PageAsker, NamedStep {
    static let id: StepID = "11_ct_03_tests"
    let summary = "the page is served from every node, and the workers are alive"
    let isProof = true

    func check(_ site: SiteReader) async throws -> Finding {
        let path = try await RequestPath(site)
        if let (found, remedy) = path.scaling.leftAtNone(ChatwootNames.worker) {
            site.reporter.warns("\(found): its queues are not processed until it is scaled up; \(remedy)")
        }
        return Finding(
            changes: try await faults(path).map {
                Change("verify that \($0.claim); now \($0.found)", .knownAfterApply, .run, .proof(claim: $0.claim))
            })
    }

    /// Nothing to change: what is missing appears on its own, or verify reports why not.
    func apply(_ changes: [Change], to site: SiteWriter) async throws {}

    func verify(_ site: SiteReader) async throws {
        let limit = site.inventory.limits.page
        let began = ContinuousClock.now
        var firstSeen: [String: ContinuousClock.Instant] = [:]
        var faults: [RequestPath.Fault] = []
        let isOver = try await poll(within: limit.duration) { left in
            let path = try await RequestPath(site)
            faults = try await self.faults(path, explained: true)
            firstSeen = Dictionary(faults.map { ($0.claim, firstSeen[$0.claim] ?? .now) }) { first, _ in first }
            guard let first = faults.first else { return true }
            site.reporter.says("waiting until \(first.claim), now \(first.found)", left: left)
            return faults.contains { fault in
                firstSeen[fault.claim].map { $0.duration(to: .now) >= fault.gracePeriod } ?? false
            }
        }
        guard !isOver || !faults.isEmpty else { return }
        throw CombinedFailure(
            "verify that Chatwoot is served (tried for \(isOver ? began.duration(to: .now).inWords : limit.inWords))",
            faults.map { fault in
                StepFailure("verify that \(fault.claim)", cause: fault.found, remedy: fault.remedy)
            })
    }

    func probes(_ site: SiteReader, from node: NodeReader) async throws -> [HTTPProbe] {
        try await RequestPath(site).probes(from: node)
    }

    /// Everything that is wrong; the first is closest to the cause.
    func faults(
        _ path: RequestPath, explained: Bool = false, workloads: Bool = true
    ) async throws -> [RequestPath.Fault] {
        async let pages = explained ? path.explainedFaults() : path.faults()
        async let workers = workerFaults(path)
        async let databases = otherDatabases(path)
        let other = try await databases
        // A page served from another database proves nothing about this one.
        guard other.isEmpty else { return other }
        return try await pages + (workloads ? workloadFaults(path, running: path.site.chatwootImage()) : []) + workers
    }

    private func workloadFaults(_ path: RequestPath, running image: ResolvedImage) -> [RequestPath.Fault] {
        let objects = path.objects
        var faults = [ChatwootNames.web, ChatwootNames.worker].compactMap { name -> RequestPath.Fault? in
            let replicas = path.scaling.wanted(name)
            guard let found = Self.shortage(of: name, wanted: replicas, objects: objects) else { return nil }
            return RequestPath.Fault(
                subject: "Deployment \(name) has \(replicas) of \(replicas) pods available", found: found,
                remedy: path.site.remedy("\(.run(from: DeployChatwoot.self)), which names what keeps the pods"))
        }
        for pod in objects where pod.isLivePod && !pod.runs(image.name, digest: image.digest) {
            faults.append(
                RequestPath.Fault(
                    subject: "pod \(pod["metadata", "name"]?.string ?? "?") runs \(image.name)",
                    found: pod.ownImage.map { "it runs \($0)" } ?? "it has no Chatwoot container",
                    remedy: path.site.remedy(.run(from: DeployChatwoot.self))))
        }
        return faults
    }

    /// What was found instead of `wanted` available pods; `nil` if there are that many.
    ///
    /// The pods themselves are counted too: without a controller manager, the status keeps
    /// reporting those that are gone.
    static func shortage(of name: String, wanted: Int, objects: [JSONValue]) -> String? {
        guard let deployment = objects.first(where: { $0.isObject("Deployment", name) }) else { return "there is none" }
        let available = deployment["status", "availableReplicas"]?.integer ?? 0
        let isObserved = deployment["status", "observedGeneration"] == deployment["metadata", "generation"]
        guard available == wanted, isObserved else { return "\(available) are" }
        let present = objects.filter {
            $0.isLivePod && "chatwoot-\($0["metadata", "labels", "component"]?.string ?? "")" == name
        }.count
        guard present < wanted else { return nil }
        return "its status reports \(available), but only \(present) \(present == 1 ? "exists" : "exist")"
    }

    /// Sidekiq writes a heartbeat of each of its processes, named after its pod; it expires a
    /// minute after the process dies.
    private func workerFaults(_ path: RequestPath) async throws -> [RequestPath.Fault] {
        let (site, objects) = (path.site, path.objects)
        let redis = try await site.redis()
        var alive: Set<String> = []
        for process in try await redis.members(of: "processes") where try await redis.field("beat", of: process) != nil
        {
            alive.insert(String(process.prefix { $0 != ":" }))
        }
        // A pod that is not running yet has no Sidekiq; its Deployment's failure says why.
        let workers = objects.filter {
            $0.isLivePod && $0.hasRunningContainer && $0["metadata", "labels", "component"]?.string == "worker"
        }
        return workers.compactMap { $0["metadata", "name"]?.string }.filter { !alive.contains($0) }.map { pod in
            RequestPath.Fault(
                subject: "Sidekiq in pod \(pod) has a heartbeat in Redis",
                found: "it has none",
                remedy: "read its log: kubectl -n \(site.inventory.chatwoot.namespace) logs \(pod)",
                // A worker sends one only after it has loaded the whole application.
                gracePeriod: site.inventory.limits.page.duration)
        }
    }

    /// The databases that Chatwoot's pods use instead of its own, as with POSTGRES_DB for
    /// POSTGRES_DATABASE.
    private func otherDatabases(_ path: RequestPath) async throws -> [RequestPath.Fault] {
        let state = try await DatabaseState.readSessions(path.site)
        return Self.faults(by: state.otherSessions, objects: path.objects, path.site.inventory.chatwoot)
    }

    /// Only a session with the name of one of our pods proves that pods use another database:
    /// administrators log in too.
    static func faults(
        by sessions: [DatabaseSession], objects: [JSONValue], _ chatwoot: ChatwootSettings
    ) -> [RequestPath.Fault] {
        let pods = objects.filter(\.isLivePod)
        // A pod has as many sessions as its threads need, but counts as one fault.
        var told: Set<[String]> = []
        let distinct = sessions.filter { told.insert([$0.database, $0.application]).inserted }
            .sorted { ($0.database, $0.application) < ($1.database, $1.application) }
        return distinct.compactMap { session in
            guard let pod = pods.first(where: { $0["metadata", "name"]?.string == session.application }) else {
                return nil
            }
            let name =
                pod["metadata", "labels", "component"]?.string == "worker" ? ChatwootNames.worker : ChatwootNames.web
            let own = (pod["spec", "containers"]?.elements ?? []).flatMap { $0["env"]?.elements ?? [] }
                .compactMap { $0["name"]?.string }.filter { ["POSTGRES_DATABASE", "DATABASE_URL"].contains($0) }
            let names = own.isEmpty ? "POSTGRES_DATABASE- DATABASE_URL-" : own.map { "\($0)-" }.joined(separator: " ")
            return RequestPath.Fault(
                subject: "Chatwoot's pods use the database \(chatwoot.database)",
                found: "pg_stat_activity shows pod \(session.application) in the database \(session.database)"
                    + (own.isEmpty ? "" : ": Deployment \(name) sets \(own.joined(separator: " and ")) for it"),
                remedy: "remove these variables from the Deployment's environment: "
                    + "kubectl -n \(chatwoot.namespace) set env deployment/\(name) \(names)")
        }
    }
}
