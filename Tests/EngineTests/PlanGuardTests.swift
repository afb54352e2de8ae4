import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

/// A run that carries out a plan does that and nothing else.
@Suite(.timeLimit(.minutes(15))) struct PlanGuardTests {
    /// What the second step of three was planned to change, what it finds later, and what is said of it.
    struct Move: Sendable, CustomTestStringConvertible {
        let name: String
        var planned: [Change] = [Change("mend second", .proved)]
        let found: [Change]
        let words: [String]
        var testDescription: String { name }
    }

    private static let replicas = "Deployment a/b: spec.replicas"
    private static let deployment = Change.Subject.object(kind: "Deployment", namespace: "a", name: "b")

    /// A change of the second step's Deployment to two replicas, as it is worded where `manager` set the number.
    private static func replicas(_ old: String, setBy manager: String) -> Change {
        Change(
            "\(replicas): \(old) → 2 (set by \(manager))", .proved, .change, deployment, field: "spec.replicas",
            old: old,
            new: "2")
    }

    private static func hidden(_ version: String) -> Change {
        Change(
            .change, .object(kind: "Secret", namespace: "a", name: "b"), field: "data.X", old: "•••", new: "•••",
            .proved,
            startingPoint: "resourceVersion \(version)")
    }

    static let moves = [
        Move(
            name: "one more", found: [Change("mend second", .proved), Change("mend more", .proved)],
            words: ["second: new: mend more"]),
        Move(
            name: "one less", planned: [Change("mend second", .proved), Change("mend more", .proved)],
            found: [Change("mend second", .proved)], words: ["second: gone: mend more"]),
        Move(name: "all gone", found: [], words: ["second: gone: mend second"]),
        Move(
            name: "in place before", planned: [], found: [Change("mend second", .proved)],
            words: ["second: new: mend second"]),
        Move(
            name: "another old value",
            planned: [Change(.change, deployment, field: "spec.replicas", old: "1", new: "2", .proved)],
            found: [replicas("3", setBy: "kubectl")],
            words: [
                "second: changed: the plan has `\(replicas): 1 → 2`, now it is "
                    + "`\(replicas): 3 → 2 (set by kubectl)`"
            ]),
        Move(
            name: "changed in place, then only to be replaced",
            planned: [Change(.change, deployment, field: "spec.replicas", old: "1", new: "2", .proved)],
            found: [Change(.replace, deployment, field: "spec.replicas", old: "1", new: "2", .proved)],
            words: ["second: changed: the plan has"]),
        Move(
            name: "the same words about another thing",
            planned: [Change("create it", .proved, .create, .database(name: "a"))],
            found: [Change("create it", .proved, .create, .database(name: "b"))],
            words: ["second: gone: create it", "second: new: create it"]),
        Move(
            name: "what was to be waited for is to be made",
            planned: [Change("wait for the rollout", .knownAfterApply, .run, deployment)],
            found: [Change(.create, deployment, .proved)], words: ["second: new: create Deployment a/b"]),
        Move(
            name: "another hidden value",
            planned: [hidden("1")], found: [hidden("2")],
            words: ["second: changed: Secret a/b: data.X: changed, and again since the plan"]),
        Move(
            name: "an unknowable change that was not planned",
            found: [
                Change("mend second", .proved), Change("wait for the rollout", .knownAfterApply),
            ], words: ["second: new: wait for the rollout"]),
        Move(
            name: "an unknowable change from another state",
            planned: [Change("load the schema", .knownAfterApply, startingPoint: "0 tables")],
            found: [Change("migrate", .knownAfterApply, startingPoint: "67 tables")],
            words: ["second: gone: load the schema", "second: new: migrate"]),
        Move(
            name: "an unknowable change became another one",
            planned: [Change("wait for the rollout", .knownAfterApply)],
            found: [Change("mend second", .proved)], words: ["second: new: mend second"]),
    ]

    @Test(arguments: moves) func whatMovedStopsTheRunBeforeItsFirstChange(_ move: Move) async throws {
        let bench = try Bench()
        bench.world.finds(move.planned, in: "second")
        if move.planned.isEmpty { bench.world.settle("second") }
        let plan = try await bench.planFile()
        bench.world.forgetCalls()
        bench.world.finds(move.found, in: "second")
        if move.found.isEmpty { bench.world.settle("second") } else { bench.world.unsettle("second") }
        let summary = try await bench.run(plan: plan)
        let message = try #require(summary.failure?.message)
        for words in move.words { #expect(message.contains(words), "\(message)") }
        #expect(!message.contains("first:") && !message.contains("third:"))
        #expect(summary.failure?.exitStatus == 1)
        #expect(bench.world.stepCalls == ["first.check", "second.check", "third.check"])
        #expect(bench.world.count("releaseLease") == 1)
        #expect(try bench.outcome().result == .refused)
        // Nothing was begun, so there is nothing to go on with.
        #expect(try await bench.runner.resume(nil, in: bench.state) == nil)
        try bench.expectIntact()
    }

    /// Kubernetes 1.34 moves the times of field managers at each write, whatever was written.
    @Test func whoSetAFieldAndWhenIsNotWhatMoves() async throws {
        let bench = try Bench()
        bench.world.finds([Self.replicas("1", setBy: "kubectl-patch, 2026-11-24T09:05:43Z")], in: "second")
        let plan = try await bench.planFile()
        bench.world.finds([Self.replicas("1", setBy: "kube-controller-manager, 2026-11-24T09:07:11Z")], in: "second")
        #expect(try await bench.run(plan: plan).failure == nil)
    }

    @Test func everythingThatMovedIsNamedAtOnce() async throws {
        let bench = try Bench()
        let plan = try await bench.planFile()
        for step in bench.steps { bench.world.finds([Change("raze \(step)", .proved)], in: step) }
        let message = try #require(try await bench.run(plan: plan).failure?.message)
        for step in bench.steps {
            #expect(message.contains("\(step): gone: mend \(step)"))
            #expect(message.contains("\(step): new: raze \(step)"))
        }
    }

    @Test func whatNothingMovedIsDoneExactly() async throws {
        let bench = try Bench()
        bench.world.settle("second")
        let plan = try await bench.planFile()
        bench.world.forgetCalls()
        let summary = try await bench.run(plan: plan)
        #expect(summary.failure == nil)
        #expect((summary.inPlace, summary.applied) == (1, 2))
        #expect(
            bench.world.calls == [
                "open", "observeLease", "preflight", "takeLease", "first.check", "second.check", "third.check",
                "first.check", "first.apply", "first.verify", "second.check", "third.check", "third.apply",
                "third.verify", "releaseLease", "close",
            ])
    }

    @Test func whatCannotBeKnownBeforeMayComeOtherwiseOrNotAtAll() async throws {
        for found in [[Change("see it, now at 2", .knownAfterApply)], []] {
            let bench = try Bench()
            bench.world.finds([Change("see it, now at 1", .knownAfterApply)], in: "second")
            let plan = try await bench.planFile()
            if found.isEmpty { bench.world.settle("second") }
            bench.world.finds(found, in: "second")
            #expect(try await bench.run(plan: plan).failure == nil)
        }
    }

    @Test func aPredictedChangeMayBeCertainByThen() async throws {
        let bench = try Bench()
        bench.world.finds([Change("create it", .predicted)], in: "second")
        let plan = try await bench.planFile()
        bench.world.on("first.apply") { $0.world.finds([Change("create it", .proved)], in: "second") }
        #expect(try await bench.run(plan: plan).failure == nil)
    }

    @Test func aProofOfWhatTheRunChangedNeedNotHaveFailedBefore() async throws {
        var bench = try Bench()
        bench.proofs = ["third"]
        bench.world.settle("third")
        let plan = try await bench.planFile()
        bench.world.on("second.verify") { visit in
            visit.world.finds([Change("prove that it is served; now 502", .knownAfterApply)], in: "third")
            visit.world.unsettle("third")
        }
        #expect(try await bench.run(plan: plan).failure == nil)
    }

    @Test func whatMovesWhileTheRunIsUnderWayStopsItBeforeThatStep() async throws {
        let bench = try Bench()
        bench.world.settle("third")
        let plan = try await bench.planFile()
        bench.world.forgetCalls()
        bench.world.on("first.apply") { visit in
            visit.world.finds([Change("mend second", .proved), Change("mend more", .proved)], in: "second")
        }
        let message = try #require(try await bench.run(plan: plan).failure?.message)
        #expect(message.contains("second: new: mend more"))
        #expect(!message.contains("mend second"))
        #expect(bench.world.count("first.apply") == 1 && bench.world.count("second.apply") == 0)
        #expect(try bench.checkpoints() == ["first applied"])
        #expect(try bench.outcome().result == .failed)
        #expect(try bench.outcome().step == "second")

        // A resumed run obeys the same plan: it stops again, and goes on once that is as it was.
        bench.world.calm()
        bench.world.forgetCalls()
        let again = try #require(try await bench.resume().failure?.message)
        #expect(again.contains("second: new: mend more"))
        #expect(!bench.world.stepCalls.contains { $0.hasSuffix("apply") })
        bench.world.finds([Change("mend second", .proved)], in: "second")
        bench.world.settle("third")
        #expect(try await bench.resume().failure == nil)
        #expect(try bench.checkpoints() == ["first applied", "second applied", "third in place"])
        try bench.expectIntact()
    }

    @Test func aStepThatThePlanHasInPlaceMustStillBe() async throws {
        let bench = try Bench()
        bench.world.settle("third")
        let plan = try await bench.planFile()
        bench.world.on("second.apply") { $0.world.unsettle("third") }
        let message = try #require(try await bench.run(plan: plan).failure?.message)
        #expect(message.contains("third: new: mend third"))
        #expect(bench.world.count("third.apply") == 0)
    }

    @Test func whatVanishesWhileTheRunIsUnderWayStopsNothing() async throws {
        let bench = try Bench()
        let plan = try await bench.planFile()
        bench.world.on("first.apply") { $0.world.settle("second") }
        let summary = try await bench.run(plan: plan)
        #expect(summary.failure == nil)
        #expect((summary.inPlace, summary.applied) == (1, 2))
    }

    /// What an interruption in the midst of the second step leaves, which the plan could not say.
    static let leftovers = [
        Move(
            name: "half of it", planned: [Change("mend a", .proved), Change("mend b", .proved)],
            found: [Change("mend b", .proved)], words: []),
        Move(name: "a rollout under way", found: [Change("see the rollout, now at 1", .knownAfterApply)], words: []),
        Move(
            name: "a task that was cut off",
            planned: [Change("load it, in a Job", .knownAfterApply, startingPoint: "empty")],
            found: [Change("load it again from scratch", .knownAfterApply, startingPoint: "12 tables")], words: []),
        Move(
            name: "a task that ended", planned: [Change("load it, in a Job", .knownAfterApply, startingPoint: "empty")],
            found: [Change("create the record", .proved)], words: []),
        Move(name: "nothing to be seen", found: [], words: []),
        Move(
            name: "something else", found: [Change("raze second", .proved)], words: ["second: new: raze second"]),
    ]

    @Test(arguments: leftovers) func aResumedRunGoesOnFromWhatItLeftItself(_ left: Move) async throws {
        let bench = try Bench()
        bench.world.finds(left.planned, in: "second")
        let plan = try await bench.planFile()
        bench.world.on("second.apply") { visit in
            visit.world.finds(left.found, in: "second")
            if left.found.isEmpty { visit.world.settle("second") }
            throw failure(.failed)
        }
        #expect(try await bench.run(plan: plan).failure != nil)
        bench.world.calm()
        bench.world.forgetCalls()
        let end = try await bench.resume().failure?.message
        #expect((end == nil) == left.words.isEmpty, "\(end ?? "")")
        for words in left.words { #expect(end?.contains(words) == true, "\(end ?? "")") }
        if end != nil { #expect(!bench.world.stepCalls.contains { $0.hasSuffix("apply") }) }
    }

    /// A run of a plan that failed in its second step, and may go on now.
    private static func failedInSecond() async throws -> Bench {
        let bench = try Bench()
        let plan = try await bench.planFile()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        #expect(try await bench.run(plan: plan).failure != nil)
        bench.world.calm()
        bench.world.forgetCalls()
        return bench
    }

    @Test func aLaterStepMovedByOthersStopsAResumedRunBeforeItChangesAnything() async throws {
        let bench = try await Self.failedInSecond()
        bench.world.finds([Change("raze third", .proved)], in: "third")
        let message = try #require(try await bench.resume().failure?.message)
        #expect(message.contains("third: new: raze third"))
        #expect(!bench.world.stepCalls.contains { $0.hasSuffix("apply") })
    }

    @Test func aRunWhosePlanIsGoneOrEditedIsNotResumed() async throws {
        for damage in [PlanFileTests.Damage.missing, .edited] {
            let bench = try await Self.failedInSecond()
            try damage.done(to: "\(try bench.newest().path)/plan.json")
            let error = await #expect(throws: StepFailure.self) { try await bench.resume() }
            #expect(error?.kind == .badInput)
            #expect(error?.cause.contains("plan.json") == true)
            #expect(bench.world.calls.isEmpty)
        }
    }

    @Test func aMasterThatIsLostWhileComparingIsGivenUp() async throws {
        let bench = try Bench()
        let plan = try await bench.planFile()
        bench.world.forgetCalls()
        bench.world.onFailover { _ in "k8s-master-01 is gone, continuing through k8s-master-02" }
        bench.world.on("second.check") { visit in
            if visit.number == 1 { throw failure(.unreachable) }
        }
        #expect(try await bench.run(plan: plan).failure == nil)
        #expect(bench.events.warnings == ["k8s-master-01 is gone, continuing through k8s-master-02"])
    }
}
