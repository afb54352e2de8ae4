import ClientKit
import Foundation
import Kubernetes
import TestSupport
import Testing

extension ServerTests {
    @Suite struct LeaseTests {
        let writer: ClusterWriter

        init() throws {
            writer = try #require(APIServer.current).writer
        }

        private func acquire(
            _ module: String, run: String, duration: Duration = .seconds(60),
            process: ProcessIdentity? = .current()
        ) async throws(KubernetesError) -> HeldLease {
            try await writer.acquireLease(
                ofModule: module, holder: "root@install-01 \(run)", runID: run, duration: duration,
                process: process)
        }

        @Test func aFreshLeaseIsHeldRenewedAndReleased() async throws {
            #expect(try await writer.reader.lease(ofModule: "fresh") == nil)
            let held = try await acquire("fresh", run: "a")
            #expect(held.takenOverFrom == nil)
            #expect(held.record.holder == "root@install-01 a")
            #expect(held.record.duration == 60)

            let renewed = try await writer.renew(held, auditHead: "sha256:1")
            #expect(renewed.record.auditHead == "sha256:1")
            #expect(renewed.record.acquiredAt == held.record.acquiredAt)
            #expect(try #require(renewed.record.renewedAt) >= #require(held.record.renewedAt))

            try await writer.release(renewed, auditHead: "sha256:2")
            let record = try #require(try await writer.reader.lease(ofModule: "fresh"))
            #expect(record.holder == nil)
            #expect(record.auditHead == "sha256:2")
            #expect(record.runID == "a")

            let next = try await acquire("fresh", run: "b")
            #expect(next.takenOverFrom == nil)
            #expect(next.record.auditHead == nil)
            #expect(next.record.transitions == 1)
        }

        @Test func whoObservedTheLeaseIsToldWhetherAnotherHadItInBetween() async throws {
            func observed() async throws -> LeaseObservation {
                try await writer.reader.observeLease(ofModule: "observed")
            }
            func take(_ run: String, _ observation: LeaseObservation) async throws(KubernetesError) -> HeldLease {
                try await writer.acquireLease(
                    ofModule: "observed", holder: "root@install-01 \(run)", runID: run, observed: observation)
            }
            let never = try await observed()
            let first = try await take("a", never)
            #expect(first.isUndisturbed)
            // Made by somebody else since it was seen missing, and held.
            let busy = await #expect(throws: KubernetesError.self) { try await take("b", never) }
            #expect(busy?.kind == .busy)
            try await writer.release(first)

            let free = try await observed()
            let between = try await acquire("observed", run: "c")
            try await writer.release(between)
            let late = try await take("d", free)
            #expect(!late.isUndisturbed)
            #expect(late.record.runID == "d")
            try await writer.release(late)
            #expect(try await take("e", try await observed()).isUndisturbed)
        }

        /// A holder may change things without another renewal, until it dies or its term ends.
        @Test(arguments: [true, false])
        func whatWasReadWhileAnotherHeldTheLeaseIsReadAgain(isGone: Bool) async throws {
            let module = "waited-\(isGone)"
            let process = try isGone ? Self.gone() : Elsewhere.machine.process()
            _ = try await acquire(module, run: "a", duration: .seconds(1), process: process)
            let observation = try await writer.reader.observeLease(ofModule: module)
            try await Task.sleep(for: .seconds(2.2))
            let next = try await writer.acquireLease(
                ofModule: module, holder: "root@install-01 b", runID: "b", observed: observation)
            #expect(next.takenOverFrom?.runID == "a")
            #expect(next.isUndisturbed == isGone, "a process that was gone could not change anything")
        }

        @Test func theSecondIsToldWhoHoldsIt() async throws {
            let first = try await acquire("busy", run: "a")
            let error = await #expect(throws: KubernetesError.self) { try await acquire("busy", run: "b") }
            #expect(error?.kind == .busy)
            #expect(error?.cause.contains("held by root@install-01 a since ") == true)
            #expect(error?.cause.contains("with run a; it expires in ") == true)
            guard case .leaseHeld(let record)? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(record.runID == "a")
            #expect(record.resourceVersion == first.record.resourceVersion)
        }

        @Test func anExpiredLeaseIsTakenOverAndItsHolderLosesIt() async throws {
            let first = try await acquire("expired", run: "a", duration: .seconds(1))
            try await Task.sleep(for: .seconds(2.2))
            let second = try await acquire("expired", run: "b")
            #expect(second.takenOverFrom?.runID == "a")
            #expect(second.record.transitions == 1)

            let error = await #expect(throws: KubernetesError.self) { try await writer.renew(first) }
            guard case .leaseLost(let winner)? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(winner?.runID == "b")
            #expect(error?.kind == .busy)
        }

        @Test func aRunThatGoesOnTakesItsOwnLease() async throws {
            let first = try await writer.renew(try await acquire("own", run: "a"), auditHead: "sha256:1")
            let again = try await acquire("own", run: "a")
            #expect(again.takenOverFrom == nil)
            #expect(again.before == first.record)
            #expect(again.record.auditHead == "sha256:1")
        }

        /// As after `kill -9`: the run that goes on need not wait for the term.
        @Test(arguments: ["a", "b"]) func aProcessOfThisMachineThatIsGoneIsSuperseded(run: String) async throws {
            _ = try await acquire("gone-\(run)", run: "a", process: try Self.gone())
            let next = try await acquire("gone-\(run)", run: run)
            #expect(next.takenOverFrom?.runID == "a")
            #expect(next.record.process == .current())
        }

        enum Elsewhere: CaseIterable {
            case machine, boot, namespace, living, unknown

            /// The process that holds the lease.
            func process() throws -> ProcessIdentity? {
                let gone = try LeaseTests.gone()
                return switch self {
                case .machine:
                    ProcessIdentity(machine: "other", boot: gone.boot, namespace: gone.namespace, pid: gone.pid)
                case .boot:
                    ProcessIdentity(machine: gone.machine, boot: "other", namespace: gone.namespace, pid: gone.pid)
                case .namespace:
                    ProcessIdentity(machine: gone.machine, boot: gone.boot, namespace: "pid:[1]", pid: gone.pid)
                case .living:
                    ProcessIdentity(
                        machine: gone.machine, boot: gone.boot, namespace: gone.namespace, pid: getppid())
                case .unknown: nil
                }
            }
        }

        /// A copy of the state directory has the run's id as well.
        @Test(arguments: Elsewhere.allCases)
        func aLeaseThatMayBeAliveIsNotTakenOverByItsOwnRunFromElsewhere(_ elsewhere: Elsewhere) async throws {
            let module = "copied-\(elsewhere)"
            let held = try await acquire(module, run: "a", process: try elsewhere.process())
            let error = await #expect(throws: KubernetesError.self) { try await acquire(module, run: "a") }
            #expect(error?.kind == .busy)
            // Which still has it.
            _ = try await writer.renew(held)
        }

        @Test func theStepOfTheLastRenewalIsTold() async throws {
            let held = try await acquire("step", run: "a", process: nil)
            let renewed = try await writer.renew(held, step: "11_ct_04_run_migrations", auditHead: "1:a")
            #expect(renewed.record.step == "11_ct_04_run_migrations")
            let error = await #expect(throws: KubernetesError.self) { try await acquire("step", run: "b") }
            #expect(error?.cause.contains("with run a, at step 11_ct_04_run_migrations; it") == true)
        }

        /// A process of this machine that has ended.
        private static func gone() throws -> ProcessIdentity {
            let process = try ChildProcess("true")
            process.waitHere()
            let own = try #require(ProcessIdentity.current())
            return ProcessIdentity(
                machine: own.machine, boot: own.boot, namespace: own.namespace, pid: process.pid)
        }

        @Test func aStrangersNoteDoesNotLoseTheLease() async throws {
            let held = try await acquire("noted", run: "a")
            _ = try await writer.renew(held, auditHead: "sha256:1")
            // `held` is now out of date, as it would be after somebody else wrote an annotation.
            let renewed = try await writer.renew(held)
            #expect(renewed.record.auditHead == "sha256:1")
        }

        @Test func aBrokenLeaseIsFreeAndLost() async throws {
            let held = try await acquire("broken", run: "a")
            try await writer.breakLease(held.record, ofModule: "broken")
            #expect(try await writer.reader.lease(ofModule: "broken")?.holder == nil)
            let error = await #expect(throws: KubernetesError.self) { try await writer.renew(held) }
            guard case .leaseLost? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
            let stale = await #expect(throws: KubernetesError.self) {
                try await writer.breakLease(held.record, ofModule: "broken")
            }
            #expect(stale?.serverReason == .conflict)
        }

        @Test func aDeletedLeaseIsLost() async throws {
            let held = try await acquire("deleted", run: "a")
            try await writer.delete([
                ObjectReference(
                    apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default",
                    name: "keybuzz-runner-deleted")
            ])
            let error = await #expect(throws: KubernetesError.self) { try await writer.renew(held) }
            guard case .leaseLost(nil)? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
        }

        @Test func ofTwoAtOnceExactlyOneGetsIt() async throws {
            _ = try await writer.release(try await acquire("race", run: "before"))
            let winners = await withTaskGroup(of: String?.self) { group in
                for run in ["a", "b", "c", "d"] {
                    group.addTask {
                        do {
                            return try await acquire("race", run: run).record.runID
                        } catch {
                            #expect((error as? KubernetesError)?.kind == .busy, "\(error)")
                            return nil
                        }
                    }
                }
                return await group.reduce(into: []) { $0 += [$1].compactMap { $0 } }
            }
            #expect(winners.count == 1)
        }
    }
}
