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
            // Nor do others wait much longer than the term.
            #expect(try #require(renewed.record.renewedAt) < asked + 10)
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
