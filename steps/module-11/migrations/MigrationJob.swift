import ClientKit
import Kubernetes
import StepKit

/// One run of `rails db:chatwoot_prepare`, never two at once: the schema load takes no lock, and
/// two would destroy each other's tables.
struct MigrationJob {
    private let site: SiteWriter
    private var reader: SiteReader { site.reader }

    init(_ site: SiteWriter) {
        self.site = site
    }

    /// Waits until no Job of an earlier run is working; returns whether one of them used the wanted
    /// image and succeeded.
    ///
    /// The failure of an earlier one is only a warning: its cause may be fixed by now.
    func finishEarlier() async throws -> Bool {
        let image = try await reader.chatwootImage()
        // Jobs of earlier versions name no digest, and do not count.
        return try await EarlierMigrations(site).finish().contains { $0.isCompleteJob && $0.images == [image.name] }
    }

    /// Waits for Jobs that an interrupted run left, whatever their result: their database is about
    /// to be set aside.
    func settleEarlier() async throws {
        _ = try await EarlierMigrations(site, isBeforeReset: true).finish()
    }

    /// Creates the next Job, annotated with what it begins from and the location of the backup made before it, and waits for it.
    func run(from start: MigrationStart?, after backup: DumpFile?) async throws {
        let image = try await reader.chatwootImage()
        let stem = Self.stem(of: image)
        let attempts = try await EarlierMigrations.jobs(reader).compactMap { job in
            job["metadata", "name"]?.string.flatMap { $0.hasPrefix(stem) ? Int($0.dropFirst(stem.count)) : nil }
        }
        let manifest = manifest(of: image, attempt: (attempts.max() ?? 0) + 1, from: start, after: backup)
        do throws(KubernetesError) {
            try await site.cluster.create(manifest)
        } catch {
            // A create with unknown outcome may have succeeded: then we wait for the Job like for a
            // new one.
            guard error.serverReason == .alreadyExists,
                try await reader.cluster.get(manifest.reference)?.images == [image.name]
            else { throw error }
        }
        // The Job ends at its own limit, and only a later read shows the reason.
        try await reader.wait(
            for: [.job(manifest.metadata.name)], within: reader.inventory.limits.migration + Self.margin)
    }

    /// How long a controller may take to end a Job that exceeded its deadline.
    private static let margin = Duration.seconds(10)

    private static func stem(of image: ResolvedImage) -> String {
        "\(MigrationSessions.applicationName)\(image.shortDigest)-"
    }

    private static let attemptKey = "keybuzz.io/attempt"

    private static let backupKey = "keybuzz.io/backup"

    private static let imageKey = "keybuzz.io/image"

    /// The Job as it is sent.
    func manifest(
        of image: ResolvedImage, attempt: Int, from start: MigrationStart?, after backup: DumpFile?
    ) -> Job {
        let chatwoot = reader.inventory.chatwoot
        let name = "\(Self.stem(of: image))\(attempt)"
        let seconds = Int(reader.inventory.limits.migration.duration.components.seconds)
        let container = Container(
            name: "migrations", image: image.name, imagePullPolicy: "IfNotPresent",
            command: ["bundle", "exec", "rails", "db:chatwoot_prepare"],
            env: [
                EnvironmentVariable(name: "RAILS_LOG_TO_STDOUT", value: "true"),
                // Chatwoot's own 14 s are for requests; a migration of real data may be one statement.
                EnvironmentVariable(name: "POSTGRES_STATEMENT_TIMEOUT", value: "\(seconds)s"),
                // This name shows in the database that it is working, even if its node does not
                // report.
                EnvironmentVariable(name: "PGAPPNAME", value: name),
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
                ]),
            securityContext: .chatwoot, volumeMounts: reader.certificateMounts)
        let pods = PodSpec(
            containers: [container], restartPolicy: "Never",
            imagePullSecrets: [NameReference(name: reader.inventory.registry.secretName)],
            automountServiceAccountToken: false, enableServiceLinks: false, securityContext: .chatwoot,
            volumes: reader.certificateVolumes)
        return Job(
            metadata: .chatwoot(
                name, in: reader, labels: ChatwootNames.labels("migrations"),
                annotations: [Self.attemptKey: String(attempt), Self.imageKey: image.name]
                    .merging(backup.map { [Self.backupKey: $0.description] } ?? [:]) { own, _ in own }
                    .merging(start?.annotations ?? [:]) { own, _ in own }),
            spec: .init(
                template: PodTemplate(labels: ChatwootNames.migrationPods, spec: pods),
                backoffLimit: 0, parallelism: 1, completions: 1,
                activeDeadlineSeconds: seconds,
                ttlSecondsAfterFinished: Int(chatwoot.migration.timeToLive.components.seconds)))
    }
}
