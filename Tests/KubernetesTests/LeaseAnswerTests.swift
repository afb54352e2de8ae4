import ClientKit
import Foundation
import Kubernetes
import SSH
import TestSupport
import Testing

extension ServerTests {
    /// The Lease of a run whose requests are answered late, or never.
    @Suite struct LeaseAnswerTests {
        private let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        private func writer(_ shell: any RemoteShell) -> ClusterWriter {
            ClusterWriter(shell: shell, kubeconfig: server.kubeconfig, requestTimeout: .seconds(15))
        }

        private func acquire(
            _ module: String, _ writer: ClusterWriter, observed: LeaseObservation? = nil
        ) async throws -> HeldLease {
            try await writer.acquireLease(
                ofModule: module, holder: "root@install-01 a", runID: "a", duration: .seconds(60), observed: observed)
        }

        /// A host that takes seconds to pass on what the API server says of the time.
        private struct SlowClock: RemoteShell {
            let hostName = "k8s-master-01"

            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                let result = try await LocalShell().run(command)
                guard command.arguments.contains("--dry-run=server") else { return result }
                do { try await Task.sleep(for: .seconds(4)) } catch {}
                return result
            }
        }

        /// The holder counts its term from the request; a time that lies before it would let others in too early.
        @Test func aRenewalIsNotOlderThanItsRequest() async throws {
            let slow = writer(SlowClock())
            let held = try await acquire("slow", slow)
            let asked = try await server.reader.serverTime()
            let renewed = try await slow.renew(held)
            #expect(try #require(renewed.record.renewedAt) >= asked)
            // Nor do others wait much longer than the term of 60 s.
            #expect(try #require(renewed.record.renewedAt) < asked + 20)
        }

        /// A host through which the API server's clock is 20 s behind until it is set.
        private struct SetClock: RemoteShell {
            let hostName = "k8s-master-01"

            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                let result = try await LocalShell().run(command)
                guard command.arguments.contains("--dry-run=server") else { return result }
                let text = result.outputText.replacing(/"creationTimestamp": "([^"]+)"/) { match in
                    let time = (try? Date(String(match.1), strategy: .iso8601)) ?? .distantPast
                    return "\"creationTimestamp\": \"\((time - 20).formatted(.iso8601))\""
                }
                return CommandResult(
                    exitStatus: result.exitStatus, standardOutput: Array(text.utf8),
                    standardError: result.standardError, isTruncated: false, duration: result.duration)
            }
        }

        /// As where a time server corrects the master's clock, or what runs this machine pauses it, and its clock with it.
        @Test func aRenewalIsDatedByWhatTheServersClockShowsThen() async throws {
            let held = try await acquire("set", writer(SetClock()))
            let asked = try await server.reader.serverTime()
            #expect(try #require(held.record.renewedAt) < asked - 15)
            let renewed = try await server.writer.renew(held)
            #expect(try #require(renewed.record.renewedAt) >= asked)
            #expect(try #require(renewed.record.renewedAt) < asked + 10)
            // Set back again.
            let again = try await writer(SetClock()).renew(renewed)
            #expect(try #require(again.record.renewedAt) < asked - 5)
        }

        /// A host whose link breaks when the API server has made the Lease.
        private struct LostAnswer: RemoteShell {
            let hostName = "k8s-master-01"
            let verb: String

            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                let result = try await LocalShell().run(command)
                guard command.arguments.contains(verb), command.effect == .change else { return result }
                throw ScriptedShell.failure("connection reset", kind: .unknownOutcome)
            }
        }

        /// The release is sent again, through the next master.
        @Test func aReleaseWhoseAnswerWasLostIsNoLoss() async throws {
            let held = try await acquire("released", server.writer)
            let error = await #expect(throws: KubernetesError.self) {
                try await writer(LostAnswer(verb: "replace")).release(held, auditHead: "7:abc")
            }
            #expect(error?.kind == .unknownOutcome)
            try await server.writer.release(held, auditHead: "7:abc")
            let record = try await server.reader.lease(ofModule: "released")
            #expect(record?.holder == nil)
            #expect(record?.auditHead == "7:abc")
            // Another run's is not released.
            _ = try await server.writer.acquireLease(ofModule: "released", holder: "carol@install-03 b", runID: "b")
            let other = await #expect(throws: KubernetesError.self) { try await server.writer.release(held) }
            #expect(other?.kind == .busy)
            #expect(try await server.reader.lease(ofModule: "released")?.runID == "b")
        }

        /// What the run ends with is kept also where its Lease was broken.
        @Test func theHeadIsLeftInALeaseThatWasBroken() async throws {
            let held = try await acquire("broken-head", server.writer)
            try await server.writer.breakLease(held.record, ofModule: "broken-head")
            try await server.writer.release(held, auditHead: "8:def")
            #expect(try await server.reader.lease(ofModule: "broken-head")?.auditHead == "8:def")
        }

        /// A renewal whose answer was lost is sent again, through the next master; the first may even be late.
        @Test func aRenewalWhoseAnswerWasLostIsRenewedAgain() async throws {
            let held = try await acquire("renewed", server.writer)
            await #expect(throws: KubernetesError.self) { try await writer(LostAnswer(verb: "replace")).renew(held) }
            let renewed = try await server.writer.renew(held, step: "second")
            #expect(renewed.record.step == "second")
            try await server.writer.release(held, auditHead: "9:abc")
            let late = await #expect(throws: KubernetesError.self) { try await server.writer.renew(renewed) }
            guard case .leaseLost? = late?.code else {
                Issue.record("\(String(describing: late))")
                return
            }
            #expect(try await server.reader.lease(ofModule: "renewed")?.holder == nil)
        }

        /// Nobody else had it, and the record must not say so.
        @Test(arguments: ["create", "replace"])
        func aLeaseWhoseAnswerWasLostIsNotTakenOverFromItself(_ verb: String) async throws {
            let module = "answer-\(verb)"
            if verb == "replace" { try await server.writer.release(try await acquire(module, server.writer)) }
            let observed = try await server.reader.observeLease(ofModule: module)
            let error = await #expect(throws: KubernetesError.self) {
                try await acquire(module, writer(LostAnswer(verb: verb)), observed: observed)
            }
            #expect(error?.kind == .unknownOutcome)
            let again = try await acquire(
                module, server.writer, observed: try await server.reader.observeLease(ofModule: module))
            #expect(again.takenOverFrom == nil)
            #expect(again.record.runID == "a")
        }
    }
}
