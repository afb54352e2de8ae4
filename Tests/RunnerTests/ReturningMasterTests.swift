import ClientKit
import DataServers
import Engine
import Foundation
import Kubernetes
import SSH
import StepKit
import TestSupport
import Testing

@testable import RunnerCommands

/// Masters that were given up are used again, before a run ends because none is left.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ReturningMasterTests {
    /// What `work` did through which masters, and what was told.
    private struct Course {
        var asked: [String] = []
        var told: [String] = []
        var failure: (any ExplainedError)?
    }

    /// Asks for the version through the masters of `site`; `before` gets the number of each attempt, from 1.
    private func ask(
        _ site: LiveSite, before: (Int) async throws -> Void = { _ in }
    ) async throws -> Course {
        var course = Course()
        do {
            let version = try await site.throughMasters(reporter: .silent) { writer in
                course.asked.append(String(writer.reader.master.name.suffix(1)))
                try await before(course.asked.count)
                return try await writer.reader.cluster.serverVersion()
            } onFailover: { lost, _ in
                course.told.append(lost)
            }
            #expect(version.description == "v1.34.1")
        } catch let error as any ExplainedError {
            course.failure = error
        }
        return course
    }

    /// Each for a moment, one after another, as where the control plane gets another certificate.
    @Test func restartsOfAllAPIServersOneAfterAnotherEndNoRun() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters()
        let course = try await ask(site) { attempt in
            switch attempt {
            case 1: try masters.stop(1)
            case 2:
                try masters.start(1)
                try masters.stop(2)
            default: break
            }
        }
        await site.close()
        #expect(course.failure == nil)
        #expect(course.asked == ["1", "2", "1"])
        #expect(
            course.told == [
                "the API server of k8s-master-01 does not respond, continuing through k8s-master-02",
                "the API server of k8s-master-02 does not respond, continuing through k8s-master-01, which serves again",
            ])
    }

    @Test func aRunThatHasTheLeaseWaitsForAMaster() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters(limit: 600)
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a", step: nil)
        try masters.stop(2)
        let start = Task {
            // When the first is lost, when the wait begins, and after a second of it.
            try await eventually("it was asked three times", within: .seconds(600)) {
                try masters.refusals(2, of: "/readyz") >= 3
            }
            try masters.start(2)
        }
        let course = try await ask(site) { attempt in
            if attempt == 1 { try masters.stop(1) }
        }
        await site.close()
        try await start.value
        #expect(course.failure == nil)
        #expect(course.asked == ["1", "2"])
        #expect(course.told.last?.hasSuffix("continuing through k8s-master-02, which serves again") == true)
    }

    @Test func theWaitHasALimitAndItsErrorNamesIt() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters(limit: 2)
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a", step: nil)
        try masters.stop(1)
        try masters.stop(2)
        let course = try await ask(site)
        await site.close()
        #expect(course.asked == ["1"])
        let failure = try #require(course.failure)
        #expect(failure.kind == .noMaster)
        #expect(failure.cause.contains("none is ready, also after 2 s (limits.master):\n"), "\(failure.cause)")
    }

    /// Nothing has begun, and the operator is there.
    @Test func withoutTheLeaseNobodyWaits() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters(limit: 600)
        try masters.stop(1)
        try masters.stop(2)
        let began = ContinuousClock.now
        let course = try await ask(site)
        await site.close()
        #expect(course.failure?.kind == .noMaster)
        #expect(course.failure?.cause.contains("limits.master") == false)
        #expect(began.duration(to: .now) < .seconds(300))
    }

    @Test func mastersThatAreReadyAndFailAllTheSameAreNotTriedForEver() async throws {
        let masters = try PlayedMasters()
        let (site, _) = try await masters.sshd.siteOfTwoMasters()
        try masters.makeUnwell()
        let course = try await ask(site)
        await site.close()
        #expect(course.failure?.kind == .noMaster)
        #expect(course.asked == Array(repeating: ["1", "2"], count: 4).flatMap { $0 })
    }

    @Test func connectionsThatWereAllLostAreMadeAgain() async throws {
        let masters = try PlayedMasters()
        let (site, connections) = try await masters.sshd.siteOfTwoMasters()
        let course = try await ask(site) { attempt in
            guard attempt == 1 else { return }
            // As after a silence: nobody connects to such a host at once.
            for connection in connections { await connection.close() }
        }
        await site.close()
        #expect(course.failure == nil)
        #expect(course.asked == ["1", "2", "1"])
        #expect(
            course.told.last
                == "k8s-master-02 no longer responds, continuing through k8s-master-01, which serves again")
    }

    @Test func aHostThatClosedItsConnectionStaysANode() async throws {
        let masters = try PlayedMasters()
        let proxy = FaultyProxy(to: masters.sshd.port)
        let (site, _) = try await masters.sshd.siteOfTwoMasters(firstThrough: proxy.port)
        var nodes: [[String]] = []
        do {
            try await site.throughMasters(reporter: .silent) { writer in
                if nodes.isEmpty { proxy.arm(.reset, at: .beforeRequest) }
                nodes.append(writer.reader.nodes.map(\.name))
                #expect(writer.reader.absentNodes.isEmpty)
                _ = try await writer.reader.nodes[0].missingPrograms(among: ["sh", "no-such-program"])
            } onFailover: { _, _ in
            }
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
        #expect(nodes == [["k8s-master-01", "k8s-master-02"], ["k8s-master-02", "k8s-master-01"]])
    }
}
