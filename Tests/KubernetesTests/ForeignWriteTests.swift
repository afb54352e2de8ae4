import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@testable import Kubernetes

extension ServerTests {
    /// Whatever somebody else writes, and with whatever: what a plan says is what the next apply does, field by field, and
    /// the plan after it is empty.
    @Suite struct ForeignWriteTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        private func kubectl(
            _ namespace: String, _ arguments: [String], input: JSONValue? = nil
        ) async throws {
            let command = RemoteCommand(
                ["kubectl", "--kubeconfig", server.kubeconfig, "-n", namespace] + arguments,
                standardInput: input?.serialized() ?? [], effect: .change)
            let result = try await LocalShell().run(command)
            try #require(result.exitStatus == 0, "\(arguments): \(result.errorText)")
        }

        private func write(_ write: ForeignWrite.Write, in namespace: String) async throws {
            switch write {
            case .applied(let object, _):
                try await kubectl(namespace, ["apply", "-f", "-"], input: object)
            case .appliedByServer(let object):
                try await kubectl(
                    namespace,
                    [
                        "apply", "--server-side", "--force-conflicts", "--field-manager=other",
                        "-f", "-",
                    ],
                    input: object)
            case .patched(let object, let patch):
                try await kubectl(namespace, ["patch", object, "--type=json", "-p", patch])
            case .merged(let object, let patch, let type):
                try await kubectl(namespace, ["patch", object, "--type=\(type)", "-p", patch])
            case .command(let arguments): try await kubectl(namespace, arguments)
            }
        }

        @Test(arguments: ForeignWrite.cases)
        func thePlanIsWhatTheNextApplyDoes(_ example: ForeignWrite) async throws {
            let namespace =
                "foreign-\(ForeignWrite.cases.firstIndex { $0.name == example.name } ?? 0)"
            let desired =
                [Samples.namespace(namespace)]
                + Samples.everything(namespace, for: try await server.reader.serverVersion())
            let isFirst = example.writes.contains {
                if case .applied(_, true) = $0 { true } else { false }
            }
            if isFirst {
                try await server.writer.apply([desired[0]])
            } else {
                try await server.writer.apply(desired)
            }
            for one in example.writes { try await write(one, in: namespace) }

            let plan = try await server.reader.compare(desired)
            let fields = plan.flatMap(\.fields).map(\.description)
            for beginning in example.plan {
                #expect(
                    fields.contains { $0.hasPrefix(beginning) },
                    "\(beginning) is not named: \(fields)")
            }
            #expect(
                fields.allSatisfy { field in example.plan.contains { field.hasPrefix($0) } },
                "named without reason: \(fields)")
            #expect(!fields.joined().contains("hunter") && !fields.joined().contains("postgres://"))
            #expect(plan.allSatisfy { $0.kind != .replace && $0.certainty == .proved })

            let before = try await objects(desired)
            try await server.writer.apply(desired)
            let after = try await objects(desired)
            for (reference, object) in before {
                let sent = desired.first { $0.reference == reference }?.json()
                let done = Comparison.fields(
                    reference, live: object, applied: try #require(after[reference]), sent: sent)
                let planned = plan.first { $0.reference == reference }?.fields ?? []
                #expect(done == planned, "\(reference)")
            }
            #expect(try await server.reader.compare(desired) == [])
            for (kind, path, value) in example.stays {
                let object = after.first { $0.key.kind == kind }?.value
                #expect(path.reduce(object) { $0?[$1] } == value, "\(kind) \(path)")
            }
            // And an apply that nothing leads up to does not take it away later.
            try await server.writer.apply(desired)
            #expect(
                try await objects(desired).mapValues { $0["spec"] }
                    == after.mapValues { $0["spec"] })
        }

        private func objects(_ desired: [any Manifest]) async throws -> [ObjectReference: JSONValue] {
            try await server.reader.get(
                desired.map(\.reference), options: ["--show-managed-fields"]
            ).byReference()
        }
    }
}
