import Foundation
import Testing

extension RehearsalTests {
    /// Something that moves between a plan and its run, and what is said of it.
    private struct Move {
        let drift: Drift
        var inventory: [String] = []
        /// What brings it back, where the next plan could not be carried out with it.
        var undo: Drift?
    }

    /// A plan is made, the cluster changed in another way each time, and the plan run: it stops before its first change.
    @Test func aPlanWhoseStartingPointMovedIsNotCarriedOut() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        // What every plan has to change, so that a run that did not stop would show.
        try await Drift.provoke([
            .field("deployment/chatwoot-worker", "/spec/replicas", "1", ""),
            .field("configmap/chatwoot-config", "/data/REDIS_URL", #""redis://first""#, ""),
            .field("secret/chatwoot-secrets", "/data/REDIS_PASSWORD", #""Zmlyc3Q=""#, ""),
            .field("ingress/chatwoot-ingress", "/metadata/labels/component", #""x""#, ""),
        ])
        let newer = [
            "--inventory", try Variant(replacing: "chatwoot-keybuzz:v3.12.0", with: "chatwoot-keybuzz:v3.13.0").path,
        ]
        let file = FileManager.default.temporaryDirectory.appending(path: "plan-\(UUID().uuidString).json").path
        for move in Self.moves(newer) {
            let planned = try await Self.runner(["plan", "11", "-o", file] + move.inventory)
            try #require(planned.status == 0, "\(planned.error)")
            try await Drift.provoke([move.drift])
            let before = try await Self.startingPoint()
            let run = try await Self.runner(["run", "11", "--plan", file] + move.inventory)
            #expect(run.status == 1, "\(move.drift.name): \(run.error)")
            for words in move.drift.words { #expect(run.error.contains(words), "\(move.drift.name): \(run.error)") }
            #expect(!run.error.contains("applied"), "\(move.drift.name): \(run.error)")
            let changed = try await Self.startingPoint().difference(from: before)
            #expect(changed.isEmpty, "\(move.drift.name): \(changed)")
            if let undo = move.undo { try await Drift.provoke([undo]) }
        }

        // An edited plan, and a plan in part.
        _ = try await Self.runner(["plan", "11", "-o", file])
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.contains("spec.replicas") && !text.contains("Zmlyc3Q"))
        let edited = "\(file).edited"
        try text.replacing("spec.replicas", with: "spec.nothing").write(
            toFile: edited, atomically: true, encoding: .utf8)
        let refused = try await Self.runner(["run", "11", "--plan", edited])
        #expect(refused.status == 65, "\(refused.error)")
        #expect(refused.error.contains(edited))
        #expect(try await Self.runner(["run", "11", "--plan", file] + newer).status == 65)
        let part = try await Self.runner(["run", "11", "--plan", file, "--only", "11_ct_01_prepare_config"])
        #expect(part.status == 64, "\(part.error)")

        // And where nothing moved: that, and nothing else, also when it is cut off in between.
        let plan = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let running = try Lab.start("run", "11", "--plan", file)
        try await eventually("the deployment begins") { try Platform.hasBegun("11_ct_02_deploy_chatwoot") }
        running.send(SIGKILL)
        _ = try await running.wait()
        let resumed = try await Self.runner(["resume"])
        try #require(resumed.status == 0, "\(resumed.error)")
        var done: [String: Set<String>] = [:]
        for line in try Platform.auditLines() where line["kind"] as? String == "step.check" {
            guard let step = line["step"] as? String else { continue }
            done[step, default: []].formUnion(Platform.changes(line))
        }
        for step in plan["steps"] as? [[String: Any]] ?? [] {
            let changes = step["changes"] as? [[String: Any]] ?? []
            let known = changes.filter { $0["certainty"] as? String != "cannot be known before" }
                .compactMap { $0["summary"] as? String }
            let found = done[step["step"] as? String ?? ""] ?? []
            #expect(found.isSuperset(of: known), "\(step)")
            if changes.isEmpty { #expect(found.isEmpty, "\(step)") }
        }
        let after = try await Lab.runner("plan", "11", "--detailed-exitcode")
        #expect(after.status == 0, "\(after.output)")
        #expect(try await Lab.runner("audit", "verify").status == 0)
    }

    private static func runner(_ arguments: [String]) async throws -> Command.Result {
        try await Command([Lab.command, "run", Lab.runner] + arguments).run()
    }

    private static func moves(_ newer: [String]) -> [Move] {
        let worker = "deployment/chatwoot-worker"
        return [
            // None rather than more: pods that start now would keep the environment that is wrong at this moment.
            Move(
                drift: .field(
                    worker, "/spec/replicas", "0",
                    "changed: the plan has `Deployment chatwoot/chatwoot-worker: spec.replicas: 1 → 2")),
            Move(
                drift: .field(
                    "configmap/chatwoot-config", "/data/REDIS_URL", #""redis://second""#,
                    "now it is `ConfigMap chatwoot/chatwoot-config: data.REDIS_URL: redis://second → redis://")),
            // Its value is shown in neither plan.
            Move(
                drift: Drift.action(
                    "Secret changed once more", "changed: Secret chatwoot/chatwoot-secrets: data.REDIS_PASSWORD"
                ) {
                    try await Drift.provoke([
                        .field("secret/chatwoot-secrets", "/data/REDIS_PASSWORD", #""c2Vjb25k""#, "")
                    ])
                }),
            Move(
                drift: .action("repaired by hand", "gone: Ingress chatwoot/chatwoot-ingress: metadata.labels.component")
                {
                    try await Drift.provoke([
                        .field("ingress/chatwoot-ingress", "/metadata/labels/component", #""web""#, "")
                    ])
                }),
            Move(
                drift: .action(
                    "annotation changed", "11_ct_02_deploy_chatwoot: new: Ingress", "proxy-body-size]: 1m → 50m"
                ) {
                    try await Drift.provoke([
                        .field(
                            "ingress/chatwoot-ingress",
                            "/metadata/annotations/nginx.ingress.kubernetes.io~1proxy-body-size", #""1m""#, "")
                    ])
                }),
            Move(drift: .deleted("service/chatwoot-web", "new: create Service chatwoot/chatwoot-web")),
            Move(drift: .deleted("configmap/chatwoot-schema", "new: create ConfigMap chatwoot/chatwoot-schema")),
            Move(
                drift: .sql(
                    "role", "ALTER ROLE chatwoot CREATEDB", "new: alter role \"chatwoot\": CREATEDB → NOCREATEDB")),
            Move(
                drift: .sql(
                    "extension", "DROP EXTENSION pgcrypto CASCADE", database: "chatwoot",
                    "11_ct_00_setup_credentials: new: create extension pgcrypto")),
            Move(
                drift: .command(
                    "onboarding key", ["redis-cli", "del", "alfred:CHATWOOT_INSTALLATION_ONBOARDING"],
                    "11_ct_04_run_migrations: new: set the onboarding key")),
            Move(
                drift: .action("credentials file", "new: write the cluster's database password") {
                    try FileManager.default.removeItem(atPath: "\(Lab.credentials)/chatwoot.env")
                }),
            // What the migration would begin from, which only its words and figures tell.
            Move(
                drift: .sql(
                    "schema", "DELETE FROM schema_migrations WHERE version = '20240516003531'", database: "chatwoot",
                    "11_ct_04_run_migrations: gone: migrate the database (42 migrations",
                    "new: migrate the database (41 migrations"),
                inventory: newer,
                undo: .sql("", "INSERT INTO schema_migrations VALUES ('20240516003531')", database: "chatwoot")),
            Move(
                drift: .command(
                    "firewall", ["shell", "k8s-master-03", "ufw", "--force", "enable"],
                    "fix_ufw_k8s_nodes: new: k8s-master-03: disable UFW")),
        ]
    }

    /// Everything that the first change of a run would show in: of objects with a status the generation, since controllers
    /// write to those all the time.
    private static func startingPoint() async throws -> [String] {
        var lines: [String] = []
        for object in try await Lab.objects(
            "-n", "chatwoot", "configmaps,secrets,services,ingresses,poddisruptionbudgets,deployments,jobs")
        {
            let metadata = object["metadata"] as? [String: Any] ?? [:]
            let version = metadata["generation"] ?? metadata["resourceVersion"] ?? ""
            lines.append("\(object["kind"] ?? "") \(metadata["name"] ?? "") \(version)")
        }
        lines.append(try await Lab.sql("SELECT * FROM pg_roles WHERE rolname = 'chatwoot'"))
        lines.append(try await Lab.sql("SELECT datdba, datacl FROM pg_database WHERE datname = 'chatwoot'"))
        lines.append(
            try await Lab.sql(
                "SELECT (SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension), count(*) FROM schema_migrations",
                database: "chatwoot"))
        lines.append(try await Lab.call("redis-cli", "exists", "alfred:CHATWOOT_INSTALLATION_ONBOARDING"))
        lines.append("\(FileManager.default.fileExists(atPath: "\(Lab.credentials)/chatwoot.env"))")
        for node in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"] {
            lines.append("\(node) " + (try await Lab.call("shell", node, "ufw", "status")))
        }
        return lines.sorted()
    }
}
