import ClientKit
import DataServers
import Engine
import Journal
import Kubernetes
import SSH
import StepKit
import Steps
import TestSupport
import Testing

@testable import RunnerCommands

/// A step may wait for another host than the master for longer than the Lease's term, as for a backup: nothing else of the
/// run notices what happens to the masters meanwhile.
@Suite(.timeLimit(.minutes(20))) struct LeaseThroughMastersTests {
    @Test func aLostMasterDoesNotEndTheTerm() async throws {
        let masters = try PlayedMasters()
        let (site, connections) = try await masters.sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a", step: nil)
        await connections[0].close()
        do {
            try await site.renewLease(step: "11_ct_04_run_migrations", auditHead: "7:abc")
            #expect(try masters.lease.contains("11_ct_04_run_migrations"))
            try await site.releaseLease(auditHead: "8:def")
            #expect(try masters.lease.contains("8:def"))
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
    }

    /// One that hangs would cost each renewal the time of the term that it needs itself.
    @Test func aMasterThatDidNotAnswerIsAskedLastNextTime() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a", step: nil)
        try masters.stop(1)
        try await site.renewLease(step: nil, auditHead: "7:abc")
        let refusals = try masters.refusals(1)
        #expect(refusals > 0)
        try await site.renewLease(step: nil, auditHead: "8:def")
        #expect(try masters.refusals(1) == refusals)
        try masters.start(1)
        try masters.stop(2)
        try await site.releaseLease(auditHead: "9:cde")
        #expect(try masters.lease.contains("9:cde"))
        await site.close()
    }

    /// The first error is about the API server of the first, and none about its host.
    @Test func aClosedConnectionBesideADeadAPIServerIsMadeAgain() async throws {
        let masters = try PlayedMasters()
        let (site, connections) = try await masters.sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a", step: nil)
        try masters.stop(1)
        await connections[1].close()
        await #expect(throws: Never.self) { try await site.renewLease(step: nil, auditHead: "7:abc") }
        #expect(try masters.lease.contains("7:abc"))
        await site.close()
    }

    /// As where a firewall in between is restarted; the step finds the new connection when it needs the master again.
    @Test func mastersThatHaveAllClosedTheirConnectionsAreConnectedToAgain() async throws {
        let masters = try PlayedMasters()
        let (site, connections) = try await masters.sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a", step: nil)
        var told: [String] = []
        do {
            let version = try await site.throughMasters(reporter: .silent) { writer in
                if told.isEmpty {
                    for connection in connections { await connection.close() }
                    try await site.renewLease(step: "11_ct_04_run_migrations", auditHead: "7:abc")
                }
                return try await writer.reader.cluster.serverVersion()
            } onFailover: { lost, _ in
                told.append(lost)
            }
            #expect(version.description == "v1.34.1")
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
        #expect(try masters.lease.contains("11_ct_04_run_migrations"))
        #expect(
            told == ["the connection to k8s-master-01 was lost and made again, continuing through k8s-master-01"])
    }

    /// What was sent goes on on the host, and the API server has done it.
    @Test func aLeaseWhoseTakingWasCutOffIsReleased() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters()
        let run = "20261124T120000Z-11-3f9a"
        try masters.loseAnswers()
        let taking = Task { try await site.takeLease(run: run, step: nil) }
        try await eventually("the Lease is written") { try masters.hasLease && masters.lease.contains(run) }
        taking.cancel()
        await #expect(throws: (any Error).self) { try await taking.value }
        #expect(try masters.lease.contains("holderIdentity"))
        try masters.giveAnswers()
        do {
            try await site.releaseLease(takenFor: "20261124T120000Z-11-0000")
            #expect(try masters.lease.contains("holderIdentity"))
            try await site.releaseLease(takenFor: run)
            #expect(try !masters.lease.contains("holderIdentity"))
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
    }
    /// What `audit verify --against-cluster` compares with.
    @Test func whatTheLeaseKnowsIsReadAndWhatIsNoRecordIsTold() async throws {
        let masters = try PlayedMasters()
        let (run, record) = ("20261124T120000Z-11-3f9a", "7:\(String(repeating: "a", count: 64))")
        let inventory = try masters.sshd.inventoryOfMasters(firstThrough: masters.sshd.port)
        let (site, _) = try await masters.sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: run, step: nil)
        for head in [record, "7:abc"] {
            try await site.renewLease(step: nil, auditHead: head)
            let cluster = try await ClusterHeads(inventory, of: ModuleList(modules: [module11])) { _ in nil }
            let known = cluster.heads.filter { $0.witness == "the Lease of module 11" }
            #expect(known.map(\.run.description) == (head == record ? [run] : []), "\(cluster.notes)")
            let told = cluster.notes.contains { $0.hasPrefix("the Lease of module 11 has record \"7:abc\"") }
            #expect(told == (head != record), "\(cluster.notes)")
        }
        await site.close()
    }
}
