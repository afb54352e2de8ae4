import Kubernetes
import StepKit

/// One run of `rails db:chatwoot_prepare`, never two at once: the schema load is not locked, and two destroy each other's tables.
struct MigrationJob {
    private let site: WritableSite
    private var reading: ReadableSite { site.reading }
    private var namespace: String { reading.inventory.chatwoot.namespace }

    init(_ site: WritableSite) {
        self.site = site
    }

    /// Waits for Jobs that an interrupted run left; whether one of them was of the wanted image and ended well.
    func finishEarlier() async throws -> Bool {
        var isDone = false
        for job in try await jobs() where !job.isFinishedJob {
            guard let name = job["metadata", "name"]?.string else { continue }
            if try await isStuck(name) {
                try await remove(name)
                continue
            }
            reading.reporter.says("waiting for Job \(name), which an earlier run began")
            try await wait(for: name)
            isDone = isDone || job.images == [reading.inventory.chatwoot.image.description]
        }
        return isDone
    }

    /// Creates the next Job and waits for it.
    func run() async throws {
        let jobs = try await jobs()
        let attempts = jobs.filter { $0.images == [reading.inventory.chatwoot.image.description] }
            .compactMap { $0["metadata", "annotations", Self.attemptKey]?.string.flatMap { Int($0) } }
        let manifest = manifest(attempt: (attempts.max() ?? 0) + 1)
        do throws(KubernetesError) {
            try await site.cluster.create(manifest)
        } catch {
            // A create of unknown outcome may have come through after all: then the Job is waited for like a new one.
            guard error.serverReason == .alreadyExists else { throw error }
        }
        try await wait(for: manifest.metadata.name)
    }

    /// Whether no container of an earlier run's Job can start, so that what was corrected since can only help a new one.
    private func isStuck(_ name: String) async throws -> Bool {
        let verdicts = try await reading.cluster.verdicts(on: [.job(name)], namespace: namespace)
        guard case .waiting(_, let trouble?) = verdicts.first else { return false }
        return trouble.isPermanent
    }

    /// Removes a Job and waits until its pods are gone too: never two at once.
    private func remove(_ name: String) async throws {
        reading.reporter.says("removing Job \(name), whose pod cannot start")
        try await site.cluster.delete([
            ObjectReference(apiVersion: "batch/v1", kind: "Job", namespace: namespace, name: name)
        ])
        let isGone = try await poll(within: reading.inventory.limits.rollout) { _ in
            try await reading.cluster.list(["pods"], namespace: namespace, labels: ["job-name": name]).isEmpty
        }
        guard isGone else {
            throw StepFailure(
                "remove Job \(name)", cause: "its pod is still there",
                remedy: "see what keeps it: kubectl -n \(namespace) describe pods -l job-name=\(name)")
        }
    }

    private func jobs() async throws -> [JSONValue] {
        try await reading.cluster.list(
            ["jobs.batch"], namespace: namespace, labels: ChatwootNames.selector("migrations"))
    }

    private func wait(for name: String) async throws {
        try await reading.wait(for: [.job(name)], within: reading.inventory.limits.migration)
    }

    private static let attemptKey = "keybuzz.io/attempt"

    private func manifest(attempt: Int) -> Job {
        let chatwoot = reading.inventory.chatwoot
        let version =
            (chatwoot.image.tag ?? chatwoot.image.digest?.split(separator: ":").last.map { String($0.prefix(12)) })
            .map { $0.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "-" }.joined() }
        let container = Container(
            name: "migrations", image: chatwoot.image.description, imagePullPolicy: "IfNotPresent",
            command: ["bundle", "exec", "rails", "db:chatwoot_prepare"],
            env: [
                EnvironmentVariable(name: "RAILS_LOG_TO_STDOUT", value: "true"),
                // Chatwoot's own 14 s are for requests; a migration of real data takes longer.
                EnvironmentVariable(name: "POSTGRES_STATEMENT_TIMEOUT", value: "600s"),
            ],
            envFrom: [.configMap(ChatwootNames.configMap), .secret(ChatwootNames.secret)],
            resources: Resources(
                requests: [
                    "cpu": chatwoot.resources.requests.cpu.description,
                    "memory": chatwoot.resources.requests.memory.description,
                ],
                limits: [
                    "cpu": chatwoot.resources.limits.cpu.description,
                    "memory": chatwoot.resources.limits.memory.description,
                ]))
        let pods = PodSpec(
            containers: [container], restartPolicy: "Never",
            imagePullSecrets: [NameReference(name: reading.inventory.registry.secretName)],
            automountServiceAccountToken: false, enableServiceLinks: false)
        return Job(
            metadata: .chatwoot(
                "chatwoot-migrations-\(version?.prefix(30) ?? "image")-\(attempt)", in: reading,
                labels: ChatwootNames.labels("migrations"), annotations: [Self.attemptKey: String(attempt)]),
            spec: .init(
                template: PodTemplate(labels: ChatwootNames.selector("migrations"), spec: pods),
                backoffLimit: 0, parallelism: 1, completions: 1,
                activeDeadlineSeconds: Int(reading.inventory.limits.migration.components.seconds),
                ttlSecondsAfterFinished: Int(chatwoot.migration.timeToLive.components.seconds)))
    }
}

extension JSONValue {
    /// Whether a Job object has ended: newer clusters put SuccessCriteriaMet and FailureTarget in front of these.
    var isFinishedJob: Bool {
        (self["status", "conditions"]?.elements ?? []).contains { condition in
            ["Complete", "Failed"].contains(condition["type"]?.string) && condition["status"]?.string == "True"
        }
    }

    /// The images of a pod template's containers.
    var images: [String] {
        (self["spec", "template", "spec", "containers"]?.elements ?? []).compactMap { $0["image"]?.string }
    }
}
