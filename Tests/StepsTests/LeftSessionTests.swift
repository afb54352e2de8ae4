import ClientKit
import DataServers
import Foundation
import Kubernetes
import Postgres
import SSH
import StepKit
import Testing

@testable import Steps

/// A session that a migration's Job left open when its node was lost, on a real server.
@Suite(.serialized) struct LeftSessionTests {
    private static let job = "chatwoot-migrations-6c3a82de0ddb-1"

    /// A master whose cluster has one Job that has failed, and its pod.
    private struct ClusterWithAJob: RemoteShell {
        let hostName = "k8s-master-01"
        let end: Date

        func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
            let items = """
                {"kind": "Job", "metadata": {"name": "\(LeftSessionTests.job)"}, "status": {"conditions": [
                  {"type": "Failed", "status": "True", "lastTransitionTime": "\(end.formatted(.iso8601))"}]}},
                {"kind": "Pod", "metadata": {"name": "pod-1", "labels": {"job-name": "\(LeftSessionTests.job)"}},
                  "spec": {"nodeName": "k8s-worker-01", "containers": [{"name": "migrations"}]},
                  "status": {"phase": "Failed", "containerStatuses": [
                    {"name": "migrations", "state": {"terminated": {"exitCode": 137}}}]}}
                """
            return CommandResult(
                exitStatus: 0, standardOutput: Array(#"{"kind": "List", "items": [\#(items)]}"#.utf8),
                standardError: [], isTruncated: false, duration: .zero)
        }
    }

    private static let limits: [(old: String, new: String)] = [
        (#""connect": 10"#, #""connect": 5"#), (#""service": 15"#, #""service": 5"#), (#""page": 60"#, #""page": 6"#),
        (#""rollout": 300"#, #""rollout": 6"#), (#""probe": 2"#, #""probe": 1"#),
    ]

    private func isOpen(_ session: PostgresWriter) async -> Bool {
        do { try await session.ping() } catch { return false }
        return true
    }

    /// An administrator without the role's privileges sees neither when a session of it began nor may end it: the role may.
    @Test(arguments: [true, false]) func isEndedWhateverTheAdministratorMay(_ isMember: Bool) async throws {
        let platform = try await DatabasePlatform(.system, administrator: "CREATEDB CREATEROLE")
        try await platform.superuser("template1").execute("CREATE EXTENSION pg_stat_statements")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let superuser = try await platform.superuser("postgres")
        if !isMember { try await superuser.execute("REVOKE chatwoot FROM runner_admin") }
        let (left, younger) = try await (
            platform.postgresWriter(platform.owner()), platform.postgresWriter(platform.owner())
        )
        try await left.execute("SET application_name = '\(Self.job)'")
        let shell = ClusterWithAJob(end: Date() + 2)
        let site = try await platform.site(Self.limits, shell: shell)
        try await EarlierMigrations(site).requireNoSession()
        #expect(await !isOpen(left))
        #expect(await isOpen(younger))
    }

    /// What began after the Job's end under its name is somebody's who goes on by hand.
    @Test func whatBeganAfterTheJobIsLeftToAPerson() async throws {
        let platform = try await DatabasePlatform(.system, administrator: "CREATEDB CREATEROLE")
        try await platform.superuser("template1").execute("CREATE EXTENSION pg_stat_statements")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        let session = try await platform.postgresWriter(platform.owner())
        try await session.execute("SET application_name = '\(Self.job)'")
        let shell = ClusterWithAJob(end: Date() - 60)
        let site = try await platform.site(Self.limits, shell: shell)
        let error = await #expect(throws: StepFailure.self) { try await EarlierMigrations(site).requireNoSession() }
        #expect(error?.cause.contains(Self.job) == true, "\(error?.cause ?? "")")
        #expect(error?.remedy.contains("SELECT pg_terminate_backend(") == true, "\(error?.remedy ?? "")")
        #expect(await isOpen(session))
    }
}
