import Foundation
import Kubernetes
import Postgres
import StepKit
import Testing

@testable import Steps

/// Sessions of Chatwoot's role in other databases: which of them are our pods', and what makes them go there.
@Suite struct ForeignSessionTests {
    private static func pod(_ component: String, _ name: String, env: [String] = []) throws -> JSONValue {
        let variables = env.map { ["name": $0, "value": "other"] }
        return try JSONValue(
            parsing: [UInt8](
                JSONSerialization.data(withJSONObject: [
                    "kind": "Pod",
                    "metadata": ["name": name, "labels": ["app": "chatwoot", "component": component]],
                    "spec": ["containers": [["name": component, "env": variables]]],
                ])))
    }

    private static func faults(_ sessions: [(String, String)], _ pods: [JSONValue]) throws -> [RequestPath.Fault] {
        ProveService.faults(
            by: sessions.enumerated().map { number, session in
                .init(process: number, user: "chatwoot", database: session.0, application: session.1)
            }, objects: pods,
            try SiteSample.inventory().chatwoot)
    }

    /// An administrator who logs in with Chatwoot's role, by psql, a console or a copy of the application, is nobody's fault.
    @Test func sessionsOfOthersDoNotCount() throws {
        let pods = try [Self.pod("web", "chatwoot-web-5d9-abcde")]
        let others = [
            "psql", "", "DBeaver 23.2", "puma: cluster worker 0: 1 [app]", "sidekiq 7.2 app [0 of 10 busy]",
            "chatwoot-web-5d9",
        ]
        #expect(try Self.faults(others.map { ("other", $0) }, pods).isEmpty)
    }

    /// Puma and Sidekiq keep a session for each of their threads.
    @Test func thePodOfManySessionsIsOneFault() throws {
        let pods = try [Self.pod("web", "chatwoot-web-1"), Self.pod("worker", "chatwoot-worker-1")]
        let faults = try Self.faults(
            [
                ("other", "chatwoot-worker-1"), ("other", "chatwoot-web-1"), ("another", "chatwoot-web-1"),
                ("other", "chatwoot-web-1"), ("other", "chatwoot-worker-1"),
            ], pods)
        #expect(
            faults.map(\.found) == [
                "pg_stat_activity shows pod chatwoot-web-1 in the database another",
                "pg_stat_activity shows pod chatwoot-web-1 in the database other",
                "pg_stat_activity shows pod chatwoot-worker-1 in the database other",
            ])
    }

    @Test func aSessionThatCarriesAPodsNameNamesItsDeploymentAndVariable() throws {
        let pods = try [
            Self.pod("web", "chatwoot-web-5d9-abcde", env: ["POSTGRES_DATABASE", "PORT"]),
            Self.pod("worker", "chatwoot-worker-77-xyz12"),
        ]
        let web = try #require(try Self.faults([("other", "psql"), ("other", "chatwoot-web-5d9-abcde")], pods).first)
        #expect(web.found.contains("pod chatwoot-web-5d9-abcde in the database other"))
        #expect(web.found.contains("Deployment chatwoot-web sets POSTGRES_DATABASE"))
        #expect(web.remedy.hasSuffix("kubectl -n chatwoot set env deployment/chatwoot-web POSTGRES_DATABASE-"))
        let worker = try #require(try Self.faults([("chatwoot_production", "chatwoot-worker-77-xyz12")], pods).first)
        #expect(worker.remedy.contains("deployment/chatwoot-worker POSTGRES_DATABASE- DATABASE_URL-"))
    }
}
