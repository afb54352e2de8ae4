import ClientKit
import Foundation
import Kubernetes
import SSH
import TestSupport
import Testing

/// A webhook that warns of what is written in one namespace of a test's API server, served on a loopback address until ``stop()``.
final class Webhook: Sendable {
    private let process: ChildProcess
    private let leash: Pipe
    private let folder: URL
    private let server: APIServer
    private let name: String

    /// Serves it for what `resources` of `namespace` are written.
    init(warningOf resources: [String], in namespace: String, _ server: APIServer) async throws {
        self.server = server
        name = "warns-in-\(namespace)"
        folder = FileManager.default.temporaryDirectory.appending(path: "webhook-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let (certificate, key) = (folder.appending(path: "tls.crt"), folder.appending(path: "tls.key"))
        let made = try await LocalShell().run(
            RemoteCommand(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
                    + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key.path, "-out", certificate.path],
                effect: .change))
        try #require(made.exitStatus == 0, "\(made.errorText)")
        let port = try FreePorts.take(1)[0]
        (process, leash) = try Self.serve(port, certificate, key)
        let configuration: JSONValue = [
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": ["name": .string(name)],
            "webhooks": [
                [
                    "name": .string("warns.\(namespace).example.com"), "admissionReviewVersions": ["v1"],
                    "sideEffects": "None", "timeoutSeconds": 5,
                    "clientConfig": [
                        "url": .string("https://127.0.0.1:\(port)/"),
                        "caBundle": .string(try Data(contentsOf: certificate).base64EncodedString()),
                    ],
                    "namespaceSelector": ["matchLabels": ["webhook": .string(namespace)]],
                    "rules": [
                        [
                            "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"],
                            "resources": .array(resources.map { .string($0) }),
                        ]
                    ],
                ]
            ],
        ]
        try await kubectl(["label", "namespace", namespace, "webhook=\(namespace)"])
        try await kubectl(["create", "-f", "-"], configuration)
    }

    /// Removes the webhook from the API server, and ends it.
    func stop() async throws {
        try await kubectl(["delete", "validatingwebhookconfiguration", name])
        leash.fileHandleForWriting.closeFile()
        await process.wait()
        try FileManager.default.removeItem(at: folder)
    }

    private static func serve(_ port: UInt16, _ certificate: URL, _ key: URL) throws -> (ChildProcess, Pipe) {
        let (leash, output) = (Pipe(), Pipe())
        let process = try ChildProcess(
            "python3", [try Fixtures.url("webhook.py").path, "\(port)", certificate.path, key.path],
            input: leash.fileHandleForReading, output: .file(output.fileHandleForWriting),
            errors: .kept)
        try output.fileHandleForWriting.close()
        // It says so once it listens.
        let ready = output.fileHandleForReading.availableData
        try #require(String(decoding: ready, as: UTF8.self) == "ready\n")
        return (process, leash)
    }

    private func kubectl(_ arguments: [String], _ input: JSONValue? = nil) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let command = RemoteCommand(
            ["kubectl", "--kubeconfig", server.kubeconfig] + arguments,
            standardInput: try input.map { [UInt8](try encoder.encode($0)) } ?? [], effect: .change)
        let result = try await LocalShell().run(command)
        try #require(result.exitStatus == 0, "\(result.errorText)")
    }
}
