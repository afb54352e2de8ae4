import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

/// Answers as a master does, with its lines in memory.
private final class FakeWitness: HeadWitness {
    let name: String
    let last = Locked<[String: String]>([:])
    let all = Locked<[HeadLine]>([])
    private let failure: String?

    init(_ name: String, failure: String? = nil) {
        (self.name, self.failure) = (name, failure)
    }

    func keep(_ line: HeadLine) async throws -> HeadAnswer {
        if let failure { throw StepFailure("keep it", cause: failure, remedy: "none") }
        let has = last.withLock { $0[line.run] }
        guard has == line.follows || has == line.head else { return .refused(place: "\(name):/heads", has: has) }
        last.withLock { $0[line.run] = line.head }
        all.withLock { $0.append(line) }
        return .kept(place: "\(name):/heads")
    }
}

@Suite(.timeLimit(.minutes(15))) struct WitnessTests {
    private func testimonies(_ run: RunReader) throws -> [HeadTestimony] {
        try run.entries().flatMap { entry -> [HeadTestimony] in
            guard case .headWitnessed(let record) = entry.content else { return [] }
            return record.witnesses
        }
    }

    @Test func theHeadGoesToEachMasterAfterEachStepThatChangedSomething() async throws {
        let bench = try Bench()
        bench.world.settle("second")
        let masters = ["k8s-master-01", "k8s-master-02"].map { FakeWitness($0) }
        bench.world.witnesses = masters
        #expect(try await bench.run().failure == nil)
        let run = try bench.newest()
        for master in masters {
            let lines: [HeadLine] = master.all.withLock { $0 }
            // After the first step and after the third.
            #expect(lines.count == 3 || lines.count == 2, "\(lines)")
            for line in lines {
                let head = try #require(AuditHead(line.head))
                #expect(line.run == run.id.description && line.origin == bench.state.label)
                let anchors = [AuditAnchor(head, source: master.name)]
                #expect(try AuditVerifier(bench.state).verify(run, anchors: anchors).isIntact)
            }
        }
        #expect(try testimonies(run).allSatisfy { $0.result == .kept })
        #expect(bench.events.warnings == [])
        try bench.expectIntact()
        // With nothing to do, no master is sent anything.
        let before = masters[0].all.withLock { $0.count }
        #expect(try await bench.run().failure == nil)
        #expect(masters[0].all.withLock { $0.count } == before)
    }

    @Test func aMasterThatKeepsNothingIsToldOnceAndRecordedEachTime() async throws {
        let bench = try Bench()
        bench.world.witnesses = [FakeWitness("k8s-master-01"), FakeWitness("k8s-master-02", failure: "no space left")]
        #expect(try await bench.run().failure == nil)
        let warning = "k8s-master-02 keeps no head: no space left; the run's record has no witness there"
        #expect(bench.events.warnings == [warning])
        let failed = try testimonies(bench.newest()).filter { $0.result == .failed }
        #expect(failed.count >= 3 && failed.allSatisfy { $0.witness == "k8s-master-02" })
    }

    /// The run was rewritten on the operator's disk in the middle: the master has another head.
    @Test func aHeadThatDoesNotFollowIsRefusedToldAndRecorded() async throws {
        let bench = try Bench()
        let master = FakeWitness("k8s-master-02")
        bench.world.witnesses = [master]
        bench.world.on("second.apply") { _ in
            master.last.withLock { last in
                for run in last.keys { last[run] = "5:\(String(repeating: "0", count: 64))" }
            }
        }
        #expect(try await bench.run().failure == nil)
        let refused = try testimonies(bench.newest()).filter { $0.result == .refused }
        let testimony = try #require(refused.first)
        #expect(testimony.witness == "k8s-master-02:/heads" && testimony.head?.sequence == 5)
        #expect(
            bench.events.warnings.first?.hasPrefix("k8s-master-02:/heads refused the head, it has record 5:0") == true)
        #expect(bench.events.warnings.first?.contains("runner audit verify --against-cluster") == true)
        try bench.expectIntact()
    }

    /// What an earlier process of the run sent is in the log, and what a master lost is sent again and told.
    @Test func aResumedRunGoesOnFromWhatAMasterHasAndALostFileIsTold() async throws {
        let bench = try Bench()
        let (master, forgetful) = (FakeWitness("k8s-master-01"), FakeWitness("k8s-master-02"))
        bench.world.witnesses = [master, forgetful]
        bench.world.on("third.apply") { _ in throw StepFailure("mend", cause: "no", remedy: "none") }
        #expect(try await bench.run().failure != nil)
        bench.world.calm()
        #expect(try await bench.resume().failure == nil)
        #expect(bench.events.warnings.filter { $0.contains("head") } == [])
        bench.world.unsettle("first")
        bench.world.on("second.check") { _ in forgetful.last.withLock { $0 = [:] } }
        bench.world.unsettle("third")
        #expect(try await bench.run().failure == nil)
        let told = bench.events.warnings.filter { $0.contains("refused") }
        #expect(told.count == 1 && told[0].hasPrefix("k8s-master-02:/heads refused the head, it has no record"))
        #expect(forgetful.last.withLock { $0 } != [:])
        try bench.expectIntact()
    }

    @Test func whatTheLeaseKnowsOfTheRunBeforeIsRecordedAndCompared() async throws {
        let bench = try Bench()
        #expect(try await bench.run().failure == nil)
        let before = try bench.newest()
        let head = try #require(try before.outcome().content?.audit)
        bench.world.leaseBefore = (before.id.description, head.description)
        #expect(try await bench.run().failure == nil)
        #expect(try testimonies(bench.newest()).map(\.result) == [.known])
        #expect(bench.events.warnings == [])
        bench.world.leaseBefore = ("20200101T000000Z-11-0000", head.description)
        #expect(try await bench.run().failure == nil)
        #expect(try testimonies(bench.newest()).first?.reason == "that run is not in this state directory")
        bench.world.leaseBefore = (before.id.description, "5:\(String(repeating: "0", count: 64))")
        #expect(try await bench.run().failure == nil)
        #expect(try testimonies(bench.newest()).map(\.result) == [.differs])
        #expect(bench.events.warnings.first?.hasPrefix("the Lease knows record 5:0") == true)
    }

    /// Somebody edited the Lease: that was not told.
    @Test(arguments: [("yesterday's", "5:\(String(repeating: "0", count: 64))"), ("20200101T000000Z-11-0000", "5:00")])
    func whatTheLeaseHasInPlaceOfARecordIsRecorded(run: String, head: String) async throws {
        let bench = try Bench()
        bench.world.leaseBefore = (run, head)
        #expect(try await bench.run().failure == nil)
        let testimony = try #require(try testimonies(bench.newest()).first)
        #expect(testimony.result == .failed && testimony.reason?.contains(head) == true, "\(testimony)")
        let warning = try #require(bench.events.warnings.first)
        #expect(warning.hasPrefix("the Lease keeps no head: it has run \"\(run)\""))
        // This run is witnessed by the Lease.
        #expect(warning.hasSuffix("what it knew of the run before is not compared"))
    }
}
