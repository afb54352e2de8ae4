import ClientKit
import Foundation
import Synchronization
import Testing

@testable import Kubernetes

/// A problem whose cause is gone is waited for until the kubelet has retried.
@Suite struct PendingRetryTests: ScriptedWaiting {
    /// A pull Secret for ghcr.io with this user and token.
    private func pullSecret(_ pair: String) -> ScriptedShell.Exchange {
        let config = #"{"auths":{"ghcr.io":{"auth":"\#(Data(pair.utf8).base64EncodedString())"}}}"#
        return read([
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": ["name": "ghcr-secret", "namespace": "probe"],
            "data": [".dockerconfigjson": .string(Data(config.utf8).base64EncodedString())],
        ])
    }

    @Test func whatIsMissingNoMoreIsWaitedForUntilTheKubeletLooksAgain() async throws {
        let missing = try look(at: "configmap-missing-1.34")
        let configMap = read([
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "chatwoot-config"],
        ])
        // Two looks for the patience; then the object is there, and each look asks for it again until the pod runs.
        let shell = ScriptedShell(
            [missing, missing, missing, configMap, missing, configMap]
                + (try looks("evicted-web-replaced-1.34")))
        let seen = Mutex<[WaitProgress]>([])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock()) { step in
            seen.withLock { $0.append(step) }
        }
        try await reader(shell).wait(
            for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(shell.remaining == 0)
        #expect(
            seen.withLock { $0.last?.problem?.summary }?.hasSuffix(
                "; but ConfigMap chatwoot-config exists by now, and the kubelet has not retried yet"
            ) == true)
    }

    @Test func aKubeletThatDoesNotLookAgainEndsTheWaitAfterAWholeBackOff() async throws {
        let missing = try look(at: "configmap-missing-1.34")
        let configMap = read([
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "chatwoot-config"],
        ])
        let shell = ScriptedShell(
            [missing, missing] + (0...30).flatMap { _ in [missing, configMap] })
        let error = await failure(shell, .deployment("chatwoot-web"))
        #expect(shell.remaining == 0, "2 s until it is doubted, 30 s more")
        #expect(error?.problem?.code == .missingConfiguration)
        #expect(
            error?.cause.contains(#"configmap "chatwoot-config" not found; but ConfigMap"#) == true)
    }

    @Test func aKeyThatIsStillMissingIsNoDoubt() async throws {
        let missing = try look(at: "configmap-key-missing")
        let without = read([
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "conf"],
            "data": ["A": "1"],
        ])
        let error = await failure(
            ScriptedShell([missing, missing, missing, without]), .deployment("conf-key"))
        #expect(error?.cause.hasSuffix("couldn't find key B in ConfigMap probe/conf") == true)

        let with = read([
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "conf"],
            "data": ["B": ""],
        ])
        let shell = ScriptedShell([missing, missing, missing, with] + [missing, without])
        #expect(await failure(shell, .deployment("conf-key"))?.kind == .failed)
        #expect(shell.remaining == 0, "what is gone again ends the doubt")
    }

    @Test func aPullThatTheRegistryAcceptedBeforeIsWaitedFor() async throws {
        let refused = try look(at: "pull-with-wrong-password-1.34")
        let accepted = AcceptedPull(
            image: "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", user: "keybuzz",
            token: Secret("t0ken"))
        var options = WaitOptions(limit: .seconds(60), clock: LeapingClock(), accepted: accepted)
        let well = ScriptedShell(
            [refused, refused, refused, pullSecret("keybuzz:t0ken")]
                + (try looks("evicted-web-replaced-1.34")))
        try await reader(well).wait(for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(well.remaining == 0)

        // The Secret of the cluster holds another token: no doubt that this one is refused.
        let other = pullSecret("keybuzz:other")
        let shell = ScriptedShell([refused, refused, refused, other, other])
        await #expect {
            try await reader(shell).wait(
                for: [.deployment("chatwoot-web")], namespace: "probe", options)
        } throws: {
            ($0 as? KubernetesError)?.cause.hasSuffix(
                "ghcr.io rejects user keybuzz with the token in Secret ghcr-secret") == true
        }

        // Nothing is known of the registry's answer.
        options.accepted = nil
        let unknown = ScriptedShell([refused, refused, refused, pullSecret("keybuzz:t0ken")])
        await #expect(throws: KubernetesError.self) {
            try await reader(unknown).wait(
                for: [.deployment("chatwoot-web")], namespace: "probe", options)
        }
        #expect(unknown.remaining == 0)
    }

    @Test func aSecretThatTheKubeletCouldNotReadIsNotCalledAWrongToken() async throws {
        let unread = try look(at: "pull-secret-not-retrieved")
        let shell = ScriptedShell(
            [unread, unread, unread, pullSecret("keybuzz:t0ken")]
                + (try looks("evicted-web-replaced-1.34")))
        let seen = Mutex<[String]>([])
        let options = WaitOptions(limit: .seconds(60), clock: LeapingClock()) { step in
            seen.withLock { $0.append(step.problem?.summary ?? "") }
        }
        try await reader(shell).wait(
            for: [.deployment("chatwoot-web")], namespace: "probe", options)
        #expect(shell.remaining == 0)
        let last = seen.withLock { $0.last } ?? ""
        #expect(last.contains("the kubelet could not read pull Secret ghcr-secret"))
        #expect(
            last.hasSuffix(
                "; but Secret ghcr-secret exists by now, and the kubelet will retry with it"))

        // Where it is not there, that is the cause.
        let gone = await failure(
            ScriptedShell([unread, unread, unread, read(nil), read(nil)]),
            .deployment("chatwoot-web"))
        #expect(
            gone?.cause.hasSuffix("; Secret ghcr-secret does not exist in this namespace") == true)
    }
}
