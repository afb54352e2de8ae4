import ClientKit
import DataServers
import Engine
import Foundation
import TestSupport
import Testing

@testable import StepKit
@testable import RunnerCommands

/// Two masters behind a real sshd, the first of them through a path that breaks.
@Suite(.timeLimit(.minutes(20))) struct LostMasterTests {
    /// Outside a step nothing begins again by itself: the preflight, a plan and the diagnosis go on through the next master.
    @Test(arguments: FaultyProxy.Moment.allCases) func theNextOneIsAskedWhatTheLostOneWasAsked(
        _ moment: FaultyProxy.Moment
    ) async throws {
        let sshd = try SSHServer(address: "0.0.0.0")
        defer { sshd.stop() }
        let proxy = FaultyProxy(to: sshd.port)
        let (site, _) = try await sshd.siteOfTwoMasters(firstThrough: proxy.port)
        var asked: [String] = []
        var told: [String] = []
        do {
            let missing = try await site.throughMasters(reporter: .silent) { writer in
                if asked.isEmpty { proxy.arm(.reset, at: moment) }
                asked.append(writer.reader.master.name)
                return try await writer.reader.master.missingPrograms(among: ["sh", "no-such-program"])
            } onFailover: { lost, _ in
                told.append(lost)
            }
            #expect(missing == ["no-such-program"])
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
        #expect(asked == ["k8s-master-01", "k8s-master-02"])
        #expect(
            told == ["the connection to k8s-master-01 was lost and made again, continuing through k8s-master-02"])
    }
}
