import ClientKit
import SSH
import Testing

@testable import Kubernetes

@Suite struct ManifestTests {
    private let old = ServerVersion(major: 1, minor: 20, description: "v1.20.2")
    private let new = ServerVersion(major: 1, minor: 34, description: "v1.34.2")

    @Test func aDeploymentIsWrittenOut() throws {
        let expected = try Fixtures.json("manifests/deployment.json")
        #expect(Samples.deployment("chatwoot").json() == expected)
    }

    @Test func secretsGoAsDataAndPrintAsDots() {
        let secret = Samples.secret("chatwoot", ["A": Secret("hunter2'\"$")])
        #expect(secret.json()["data"] == ["A": "aHVudGVyMiciJA=="])
        #expect(secret.json()["stringData"] == nil)
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped] {
            #expect(!text.contains("hunter2") && !text.contains("aHVud"))
            #expect(text.contains("•••"))
        }
    }

    @Test func secretsAreInNoArgumentVector() async throws {
        let shell = ScriptedShell([
            .read(["get", "--ignore-not-found", "-o", "json", "--show-managed-fields", "-f", "-"]),
            .change(
                [
                    "apply", "--server-side", "--force-conflicts", "--field-manager=keybuzz-runner", "-o",
                    "go-template=\(AppliedObject.template)", "-f", "-",
                ], out: "Secret\tchatwoot\tchatwoot-secrets\t17\n"),
        ])
        let applied = try await ClusterWriter(
            shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15)
        )
        .apply([Samples.secret("chatwoot")])
        #expect(applied.map(\.resourceVersion) == ["17"])
        let command = try #require(shell.commands.last)
        #expect(!command.arguments.joined().contains("hunter2") && !command.arguments.joined().contains("aHVud"))
        #expect(String(decoding: command.standardInput, as: UTF8.self).contains("aHVudGVyMg=="))
    }

    @Test func theServerDecidesTheBudgetsVersion() {
        #expect(Samples.budget("a", for: old).json()["apiVersion"] == "policy/v1beta1")
        #expect(Samples.budget("a", for: new).json()["apiVersion"] == "policy/v1")
        #expect(ServerVersion(["major": "1", "minor": "20+", "gitVersion": "v1.20.2-x"])?.minor == 20)
        #expect(ServerVersion(["major": "1"]) == nil)
    }

    @Test func portsAlwaysNameTheirProtocol() {
        #expect(Samples.service("a").json()["spec", "ports"]?.elements.first?["protocol"] == "TCP")
    }

    @Test func equalManifestsGiveEqualBytes() {
        let manifests = Samples.everything("a", for: new)
        #expect(manifests.standardInput() == Samples.everything("a", for: new).standardInput())
    }

    @Test func timesAreReadAndWrittenToTheMicrosecond() throws {
        let whole = try #require(Timestamp.date("2026-11-24T09:05:43Z"))
        let fine = try #require(Timestamp.date("2026-11-24T09:05:43.123456Z"))
        #expect(Timestamp.text(whole) == "2026-11-24T09:05:43Z")
        #expect(Timestamp.microText(whole) == "2026-11-24T09:05:43.000000Z")
        #expect(Timestamp.microText(fine) == "2026-11-24T09:05:43.123456Z")
        for text in ["", "now", "2026-11-24T09:05:43", "2026-11-24T09:05:43.x5Z", "2026-11-24T09:05:43.1.2Z"] {
            #expect(Timestamp.date(text) == nil)
        }
    }
}
