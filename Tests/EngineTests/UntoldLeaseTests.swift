import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// The API server may make the lease a run's while nobody hears of it.
@Suite(.timeLimit(.minutes(15))) struct UntoldLeaseTests {
    @Test func aRunThatWasInterruptedWhileItTookTheLeaseReleasesIt() async throws {
        let bench = try Bench()
        bench.world.on("takeLease", hang)
        let summary = try await bench.cancelled(at: "takeLease") { try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(bench.world.calls.suffix(3) == ["takeLease", "releaseUntold", "close"])
        #expect(bench.events.warnings.isEmpty)
        #expect(try bench.newest().entries().allSatisfy { $0.kind != .lockTaken && $0.kind != .lockReleased })
        try bench.expectIntact()
    }

    @Test func aRunThatLostTheAnswerAndEndsReleasesIt() async throws {
        let bench = try Bench()
        bench.world.on("takeLease") { _ in throw failure(.unknownOutcome, "no answer") }
        let summary = try await bench.run()
        #expect(summary.failure?.message.contains("no answer") == true)
        #expect(bench.world.sent == ["release the lease"])
        #expect(bench.world.calls.suffix(2) == ["releaseUntold", "close"])
        try bench.expectIntact()
    }

    /// The next attempt finds that it has it.
    @Test func aRunThatLostTheAnswerAndGoesOnKeepsIt() async throws {
        let bench = try Bench()
        bench.world.onFailover { _ in "k8s-master-01 no longer responds" }
        bench.world.on("takeLease") { visit in if visit.number == 1 { throw failure(.unreachable, "no answer") } }
        #expect(try await bench.run().failure == nil)
        #expect(bench.world.count("releaseUntold") == 0)
        #expect(bench.world.count("releaseLease") == 1)
    }

    @Test func anotherRunsLeaseIsLeftAlone() async throws {
        let bench = try Bench()
        bench.world.onFailover { $0.kind == .unreachable ? "k8s-master-01 no longer responds" : nil }
        bench.world.on("takeLease") { visit in
            throw visit.number == 1 ? failure(.unreachable, "no answer") : failure(.busy, "bob@install-02 holds it")
        }
        #expect(try await bench.run().failure?.exitStatus == 75)
        #expect(bench.world.count("releaseUntold") == 0)
        #expect(bench.world.sent.isEmpty)
    }

    /// It expires, and the operator reads that.
    @Test func aReleaseThatHangsDelaysTheEndForSeconds() async throws {
        let bench = try Bench()
        bench.world.on("takeLease") { _ in throw failure(.unknownOutcome, "no answer") }
        bench.world.on("releaseUntold", hang)
        async let run = bench.run()
        try await bench.clock.wakeNext(within: .seconds(10))
        let summary = try await run
        #expect(summary.failure?.message.contains("no answer") == true)
        #expect(
            bench.events.warnings == [
                "it is not known whether the lease was taken, and it could not be released; it will expire: "
                    + "no answer within 10 s"
            ])
        #expect(bench.world.calls.last == "close")
    }

    /// An auditor must not read that this run gave back what another one had.
    @Test func aLeaseThatWasLostIsNotRecordedAsReleased() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            try await clock.wakeNext(within: .seconds(1))
            try await hang(visit)
        }
        for call in ["renewLease", "releaseLease"] {
            bench.world.on(call) { _ in throw failure(.busy, "carol@install-03 holds it now") }
        }
        #expect(try await bench.run().failure?.exitStatus == 75)
        #expect(bench.world.count("releaseLease") == 1)
        #expect(bench.events.warnings == ["the lease was not released: carol@install-03 holds it now"])
        #expect(try bench.newest().entries().allSatisfy { $0.kind != .lockReleased })
        try bench.expectIntact()
    }

    @Test func aLeaseThatCouldNotBeReleasedIsNotRecordedAsReleased() async throws {
        let bench = try Bench()
        bench.world.on("releaseLease") { _ in throw failure(.unreachable, "no route") }
        #expect(try await bench.run().failure == nil)
        #expect(try bench.newest().entries().allSatisfy { $0.kind != .lockReleased })
        try bench.expectIntact()
    }
}
