import ClientKit
import SSH
import Testing

@testable import Kubernetes

/// kubectl prints what the API server warns of without the object that it is about.
@Suite struct AdmissionWarningTests {
    private static let references = [
        ObjectReference(apiVersion: "v1", kind: "Namespace", name: "chatwoot"),
        ObjectReference(apiVersion: "apps/v1", kind: "Deployment", namespace: "chatwoot", name: "chatwoot-web"),
        ObjectReference(apiVersion: "apps/v1", kind: "Deployment", namespace: "chatwoot", name: "chatwoot-worker"),
        ObjectReference(apiVersion: "policy/v1beta1", kind: "PodDisruptionBudget", namespace: "chatwoot", name: "x"),
    ]

    /// As a server with PodSecurity says it, of a Deployment without any of the fields.
    private static let restricted =
        #"would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "web" must set "#
        + #"securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "web" must set "#
        + #"securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "web" must set "#
        + #"securityContext.runAsNonRoot=true), seccompProfile (pod or container "web" must set "#
        + #"securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#

    private static let deprecated =
        "policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+, unavailable in v1.25+; use policy/v1 PodDisruptionBudget"

    @Test func eachIsTheObjectsWhoseNameComesBehindIt() {
        let output = """
            namespace/chatwoot
            Warning: \(Self.restricted)
            deployment.apps/chatwoot-web (server dry run)
            Warning: \(Self.restricted.replacing("web", with: "worker"))
            Warning: once more
            E1124 09:05:40.812345       1 memcache.go:255] couldn't get resource list
            deployment.apps/chatwoot-worker (server dry run)
            Warning: \(Self.deprecated)
            Warning: once more
            poddisruptionbudget.policy/x

            """
        #expect(
            AdmissionWarning.assigned(in: output, to: Self.references) == [
                AdmissionWarning(about: Self.references[1], text: Self.restricted),
                AdmissionWarning(about: Self.references[2], text: Self.restricted.replacing("web", with: "worker")),
                AdmissionWarning(about: Self.references[2], text: "once more"),
                AdmissionWarning(about: Self.references[3], text: Self.deprecated),
            ])
    }

    @Test func onlyWarningsAreWarnings() {
        let output = "Warning: a\nerror: Warning: b\n  Warning: c\nWarning: a\nwarning: d\n"
        #expect(AdmissionWarning.texts(in: output) == ["a"])
        #expect(AdmissionWarning.texts(in: "") == [])
    }
}

extension ServerTests {
    @Suite struct WarningTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        private func warnings(_ desired: [any Manifest]) async throws -> [AdmissionWarning] {
            var told: [AdmissionWarning] = []
            _ = try await server.reader.compare(desired) { told.append($0) }
            return told
        }

        @Test func whatTheServerWarnsOfIsToldOncePerObjectAndChangesNothing() async throws {
            var desired: [any Manifest] = [
                Samples.namespace("warned"), Samples.configMap("warned", ["A": "1"]), Samples.deployment("warned"),
            ]
            var other = Samples.deployment("warned")
            other.metadata.name = "chatwoot-worker"
            desired += [other, Samples.service("warned")]
            try await server.writer.apply(desired)
            #expect(try await warnings(desired) == [])
            let webhook = try await Webhook(warningOf: ["deployments"], in: "warned", server)
            do {
                let expected = [
                    AdmissionWarning(
                        about: desired[2].reference,
                        text: #"would violate "restricted" (of chatwoot-web)"#),
                    AdmissionWarning(about: desired[2].reference, text: "said of all"),
                    AdmissionWarning(
                        about: desired[3].reference,
                        text: #"would violate "restricted" (of chatwoot-worker)"#),
                ]
                // The API server learns of a new webhook a moment later.
                let deadline = ContinuousClock.now + .seconds(20)
                while try await warnings(desired).isEmpty, ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(try await warnings(desired) == expected)
                #expect(try await server.reader.compare(desired) == [])
            } catch {
                try await webhook.stop()
                throw error
            }
            try await webhook.stop()
        }
    }
}
