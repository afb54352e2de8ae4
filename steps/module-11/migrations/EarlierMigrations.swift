import ClientKit
import Kubernetes
import StepKit

/// Migrations that were started by earlier runs or by hand; waits until none of them is working.
struct EarlierMigrations {
    let site: SiteWriter
    var reader: SiteReader { site.reader }
    var limits: Inventory.Limits { reader.inventory.limits }
    private var namespace: String { reader.inventory.chatwoot.namespace }

    /// Whether their database is about to be renamed, so that their failures need no fix.
    let isBeforeReset: Bool

    init(_ site: SiteWriter, isBeforeReset: Bool = false) {
        self.site = site
        self.isBeforeReset = isBeforeReset
    }

    /// A Job at one moment.
    struct Sight {
        let job: JSONValue?
        let state: EarlierMigration
        let end: MigrationEnd?
        /// Whether it is a Job of Chatwoot's that is about to start its very first container.
        let hasNeverRun: Bool

        init(_ name: String, in objects: [JSONValue], workers: [String]) {
            let own = objects.filter { $0.migrationName == name }
            job = own.first { $0["kind"]?.string == "Job" }
            let pods = own.filter { $0["kind"]?.string == "Pod" }
            let nodes = objects.filter { $0["kind"]?.string == "Node" }
            hasNeverRun = job?.hasNeverRun(in: pods) ?? false
            state = EarlierMigration(job: job, pods: pods, nodes: nodes)
            end = MigrationEnd(job: job, pods: pods, nodes: nodes, workers: workers)
        }
    }

    /// The existing migration Jobs.
    static func jobs(_ reader: SiteReader) async throws -> [JSONValue] {
        try await reader.cluster.list(["jobs.batch"], namespace: reader.inventory.chatwoot.namespace)
            .filter(\.isOfMigrations)
    }

    /// Waits until none is working, in the cluster or in the database; returns the finished Jobs
    /// that it waited for and that still exist.
    ///
    /// Removes only Jobs none of whose containers ever started, where none of them can or the image is another. If one may
    /// be working unseen, waits for it, and then leaves it to the operator.
    func finish() async throws -> [JSONValue] {
        var ended: [JSONValue] = []
        for name in try await Self.unfinished(reader) {
            if let job = try await finish(name) { ended.append(job) }
        }
        try await requireNoSession()
        return ended
    }

    func objects() async throws -> [JSONValue] { try await Self.objects(reader) }

    private static func objects(_ reader: SiteReader) async throws -> [JSONValue] {
        try await reader.cluster.list(
            ["jobs.batch", "pods", "nodes"], namespace: reader.inventory.chatwoot.namespace)
    }

    /// The names of Jobs that have not ended, and of deleted ones that have left pods.
    static func unfinished(_ reader: SiteReader) async throws -> [String] {
        let (objects, workers) = (try await objects(reader), reader.inventory.workers.map(\.name))
        return Set(objects.compactMap(\.migrationName)).sorted()
            .filter { Sight($0, in: objects, workers: workers).state != .over }
    }

    private func look(at name: String) async throws -> Sight {
        sight(of: name, in: try await objects())
    }

    func sight(of name: String, in objects: [JSONValue]) -> Sight {
        Sight(name, in: objects, workers: reader.inventory.workers.map(\.name))
    }

    /// Waits until a Job has ended; returns the Job if it still exists.
    private func finish(_ name: String) async throws -> JSONValue? {
        while true {
            let sight = try await look(at: name)
            switch sight.state {
            case .over: return sight.job
            case .leaving(let pods, let grace): try await waitUntilGone(name, pods: pods, grace: grace)
            case .unseen(let pod, let node):
                try await UnseenMigration(reader, job: name, pod: pod, node: node, isBeforeReset: isBeforeReset)
                    .wait(until: isSeen)
            case .notStarted:
                if try await mustGo(name, sight) {
                    try await remove(name)
                } else {
                    try await watch(name)
                }
            case .running: try await watch(name)
            }
        }
    }

    private func isSeen(_ name: String) async throws -> Bool {
        if case .unseen = try await look(at: name).state { return false }
        return true
    }

    /// Waits for a running Job; its failure is only a warning, since the caller starts another one.
    private func watch(_ name: String) async throws {
        reader.reporter.says("waiting for Job \(name), which an earlier run started")
        do {
            try await reader.wait(for: [.job(name)], within: limits.migration)
        } catch let error as any ExplainedError where error.kind == .failed {
            switch try await look(at: name).state {
            case .over, .leaving: reader.reporter.warns("Job \(name) of an earlier run failed: \(error.cause)")
            case .unseen: return
            case .notStarted: guard try await isStuck(name) else { throw told(error, of: name) }
            case .running: throw told(error, of: name)
            }
        }
    }

    /// Why a Job does not end, for the step that waits for it: a reset runs before the steps that
    /// would fix it.
    func told(_ error: any ExplainedError, of name: String) -> any ExplainedError {
        guard isBeforeReset else { return error }
        return StepFailure(
            "wait for Job \(name), which an earlier run started", host: error.host, cause: error.cause,
            remedy: reader.remedy(
                "remove it, since its database is about to be renamed: kubectl -n \(namespace) delete job "
                    + "\(name); then \(.resume)"), kind: error.kind)
    }

    /// Whether a Job that has not started is not waited for: it is stuck, or has another image, and would migrate data that
    /// nobody has backed up for that.
    private func mustGo(_ name: String, _ sight: Sight) async throws -> Bool {
        if sight.hasNeverRun, try await sight.job?.images != [reader.chatwootImage().name] { return true }
        return try await isStuck(name)
    }

    /// Whether no container of the Job can start, so that a fix made since only helps a new Job.
    private func isStuck(_ name: String) async throws -> Bool {
        let verdicts = try await reader.cluster.verdicts(on: [.job(name)], namespace: namespace)
        guard case .waiting(_, let trouble?) = verdicts.first else { return false }
        return trouble.isPermanent
    }

    /// Removes a Job if still none of its containers has ever started, unless it changes at that
    /// moment.
    private func remove(_ name: String) async throws {
        let sight = try await look(at: name)
        guard case .notStarted = sight.state, let job = sight.job else { return }
        reader.reporter.says("removing Job \(name), whose containers never started")
        do throws(KubernetesError) {
            try await site.cluster.deleteUnchanged(job)
        } catch {
            // The caller will read it again.
            guard [.conflict, .notFound].contains(error.serverReason) else { throw error }
        }
    }

    /// Waits until the pods of an ended Job are gone: their containers run until then.
    private func waitUntilGone(_ name: String, pods: [String], grace: Int) async throws {
        let limit = reportLimit + .seconds(grace)
        let words = pods.joined(separator: ", ")
        let isGone = try await poll(within: limit.duration, every: .seconds(1)) { left in
            guard case .leaving = try await look(at: name).state else { return true }
            reader.reporter.says(
                "waiting for pod \(words) of Job \(name) to terminate", left: left)
            return false
        }
        guard isGone else {
            throw StepFailure(
                "wait until Job \(name) of an earlier run is gone", host: reader.cluster.hostName,
                cause:
                    "pod \(words) is still there after \(limit.inWords), and may take \(grace) s to terminate",
                remedy: reader.remedy(
                    "find out what prevents it from terminating: "
                        + "kubectl -n \(namespace) describe pod \(pods.first ?? ""); then \(.resume)"))
        }
    }

    /// The time that a kubelet may need in addition to a pod's grace period, to end the pod and
    /// report it.
    var reportLimit: TimeLimit { limits.service * 2 }
}

extension JSONValue {
    /// The name of the migration Job that an object is or belongs to.
    fileprivate var migrationName: String? {
        guard isOfMigrations else { return nil }
        return self["kind"]?.string == "Job"
            ? self["metadata", "name"]?.string : self["metadata", "labels", "job-name"]?.string
    }

    /// Whether a Job or Pod is one of Chatwoot's migrations, including those of the old scripts.
    fileprivate var isOfMigrations: Bool {
        let metadata = self["metadata"]
        let name = self["kind"]?.string == "Job" ? metadata?["name"]?.string : metadata?["labels", "job-name"]?.string
        guard ["Job", "Pod"].contains(self["kind"]?.string), let name else { return false }
        return name == "chatwoot-migrations" || name.hasPrefix(MigrationSessions.applicationName)
    }
}
