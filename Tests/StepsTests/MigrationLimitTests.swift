import ClientKit
import Kubernetes
import SSH
import StepKit
import TestSupport
import Testing

@testable import Steps

/// `limits.migration`, for the Job and for what runs in it.
@Suite struct MigrationLimitTests {
    /// A migration of much data may be one statement.
    @Test func aStatementOfAMigrationMayTakeAsLongAsItsJob() throws {
        let site = SiteSample.readable(
            try SiteSample.inventory([(old: "\"migration\": 600", new: "\"migration\": 7200")]),
            SiteSample.credentials())
        let image = ResolvedImage(
            site.inventory.chatwoot.image, digest: "sha256:" + String(repeating: "0f", count: 32), source: .registry)
        let cluster = ClusterWriter(shell: ForbiddenShell(), kubeconfig: "/nowhere", requestTimeout: .seconds(15))
        let job: any Manifest = MigrationJob(SiteWriter(reader: site, cluster: cluster))
            .manifest(of: image, attempt: 1, from: nil, after: nil)
        let spec = try #require(job.json()["spec"])
        #expect(spec["activeDeadlineSeconds"]?.integer == 7200)
        let container = try #require(spec["template", "spec", "containers"]?.elements.first)
        let variables = container["env"]?.elements ?? []
        let limit = variables.first { $0["name"]?.string == "POSTGRES_STATEMENT_TIMEOUT" }
        #expect(limit?["value"]?.string == "7200s")
    }
}
