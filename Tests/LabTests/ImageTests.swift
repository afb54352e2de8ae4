import Foundation
import Testing

/// The image is known by its digest: by what a tag stands for, wherever it is pushed to.
extension RehearsalTests {
    private static let repository = "ghcr.io/keybuzzio/chatwoot-keybuzz"

    /// The images that web and worker pods were pulled as, and what the record of the last migration names.
    private static func digests() async throws -> (pods: Set<String>, record: [String: String]) {
        let pods = try await Lab.objects("-n", "chatwoot", "pods", "-l", "component in (web,worker)")
        let live = pods.filter { ($0["metadata"] as? [String: Any])?["deletionTimestamp"] == nil }
        let identities = live.flatMap { pod in
            (pod["status"] as? [String: Any])?["containerStatuses"] as? [[String: Any]] ?? []
        }.compactMap { ($0["imageID"] as? String)?.split(separator: "@").last.map(String.init) }
        let record = try await Lab.objects("-n", "chatwoot", "configmap/chatwoot-schema").first
        return (Set(identities), record?["data"] as? [String: String] ?? [:])
    }

    private static func plan(_ options: String...) async throws -> Command.Result {
        try await Command([Lab.command, "run", Lab.runner, "plan", "11", "--detailed-exitcode"] + options).run()
    }

    @Test func aTagThatWasPushedAgainIsDriftAndIsMigratedFirst() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        let first = try await Self.digests()
        #expect(first.pods.count == 1 && first.record["digest"] == first.pods.first)

        try await Lab.call("push", "v3.13.0", "\(Self.repository):v3.12.0")
        let plan = try await Self.plan()
        #expect(plan.status == 2, "\(plan.error)")
        #expect(plan.output.contains("\(Self.repository):v3.12.0 was pushed again: sha256:"), "\(plan.output)")
        #expect(plan.output.contains("back up database \"chatwoot\""), "\(plan.output)")
        #expect(plan.output.contains("containers[web].image: \(Self.repository):v3.12.0@sha256:"), "\(plan.output)")
        try await Lab.runToTheEnd()
        let second = try await Self.digests()
        #expect(second.pods.count == 1 && second.pods.isDisjoint(with: first.pods))
        #expect(second.record["digest"] == second.pods.first)
        #expect(try await Lab.sql("SELECT count(*) FROM schema_migrations", database: "chatwoot") == "43")
        #expect(try await Platform.page(through: Lab.nodes[0]).body.contains("3.13.0"))
        #expect(try await Platform.migrations(by: "\(Self.repository):v3.12.0").count == 2)
        #expect(try await Self.plan().status == 0)

        // The same tag in another repository, of another image: no Job of the one before counts for it.
        try await Lab.call("push", "v3.12.0", "ghcr.io/keybuzzio/moved:v3.12.0")
        let moved = try Variant(replacing: "\(Self.repository):v3.12.0", with: "ghcr.io/keybuzzio/moved:v3.12.0").path
        let planned = try await Self.plan("--inventory", moved)
        #expect(planned.output.contains("\(Self.repository):v3.12.0 has migrated it so far"), "\(planned.output)")
        let run = try await Lab.runner("run", "11", "--inventory", moved)
        #expect(run.status == 0, "\(run.error)")
        #expect(try await Platform.migrations(by: "ghcr.io/keybuzzio/moved:v3.12.0").count == 1)
        #expect(try await Self.digests().pods == first.pods)

        // The same image under another name needs no migration.
        try await Lab.call("push", "v3.12.0", "ghcr.io/keybuzzio/copy:v1")
        let copy = try Variant(replacing: "\(Self.repository):v3.12.0", with: "ghcr.io/keybuzzio/copy:v1").path
        let copied = try await Lab.runner("run", "11", "--inventory", copy)
        #expect(copied.status == 0, "\(copied.error)")
        #expect(!copied.error.contains("in a Job"), "\(copied.error)")
        #expect(try await Self.digests().record["image"] == "ghcr.io/keybuzzio/copy:v1")
        #expect(try await Platform.migrations().count == 3)
        try await Lab.reset()
    }

    @Test func whatAnEarlierVersionInstalledIsRecognisedAndNotMigratedAnew() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        // As it was left: no digest in the record, nor in the names of images.
        try await Drift.provoke([
            .removed("configmap/chatwoot-schema", "/data/digest", ""),
            .field(
                "deployment/chatwoot-web", "/spec/template/spec/containers/0/image", #""\#(Self.repository):v3.12.0""#,
                ""),
            .field(
                "deployment/chatwoot-worker", "/spec/template/spec/containers/0/image",
                #""\#(Self.repository):v3.12.0""#, ""),
        ])
        for name in ["chatwoot-web", "chatwoot-worker"] {
            try await Lab.call(
                "kubectl", "-n", "chatwoot", "rollout", "status", "deployment/\(name)", "--timeout=60s")
        }
        let plan = try await Self.plan()
        #expect(plan.output.contains("data.digest: added: sha256:"), "\(plan.output)")
        #expect(!plan.output.contains("in a Job"), "\(plan.output)")
        try await Lab.runToTheEnd()
        #expect(try await Platform.migrations().count == 1)
        #expect(try await Self.plan().status == 0)

        // Without the registry what runs is known, and the run says what it goes by; what is new is not.
        try await Lab.call("stop", "registry")
        let blind = try await Lab.runner("run", "11")
        let newer = try Variant(replacing: "chatwoot-keybuzz:v3.12.0", with: "chatwoot-keybuzz:v3.13.0").path
        let refused = try await Lab.runner("run", "11", "--inventory", newer)
        let doctor = try await Lab.runner("doctor", "11")
        try await Lab.call("start", "registry")
        #expect(blind.status == 0 && blind.error.contains("0 applied, 7 in place"), "\(blind.error)")
        #expect(blind.error.contains("could not be looked up: the run uses sha256:"), "\(blind.error)")
        #expect(refused.status == 1, "\(refused.error)")
        #expect(refused.error.contains("resolve \(Self.repository):v3.13.0 to a digest"), "\(refused.error)")
        #expect(doctor.output.contains("cannot be reached from k8s-master-01"), "\(doctor.output)")
    }

    @Test func aTagThatDoesNotExistIsSaidToBeMissing() async throws {
        try await Lab.reset()
        let missing = try Variant(replacing: "chatwoot-keybuzz:v3.12.0", with: "chatwoot-keybuzz:none").path
        let refused = try await Lab.runner("run", "11", "--inventory", missing)
        #expect(refused.status == 1, "\(refused.error)")
        #expect(refused.error.contains("the registry has no such image"), "\(refused.error)")
        #expect(refused.error.contains("push it, correct chatwoot.image"), "\(refused.error)")

        // And by the node that pulls: a tag that somebody set by hand.
        try await Lab.runToTheEnd()
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "set", "image", "deployment/chatwoot-web", "web=\(Self.repository):none")
        try await eventually("the node looked for the image") {
            let pods = try await Lab.objects("-n", "chatwoot", "pods", "-l", "component=web")
            return "\(pods)".contains("ErrImagePull") || "\(pods)".contains("ImagePullBackOff")
        }
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.status == 1)
        #expect(doctor.output.contains("ghcr.io has no such image or tag"), "\(doctor.output)")
        #expect(doctor.output.contains("push \(Self.repository):none"), "\(doctor.output)")
        #expect(!doctor.output.contains("certificate"), "\(doctor.output)")
        try await Lab.runToTheEnd()
    }
}
