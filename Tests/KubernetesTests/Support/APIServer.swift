import ClientKit
import Foundation
import Kubernetes
import TestSupport
import Testing

/// A real etcd and kube-apiserver for a suite, on loopback addresses, without controllers or nodes.
struct APIServer: Sendable {
    /// The server of the suite that runs.
    @TaskLocal static var current: APIServer?

    let kubeconfig: String
    /// A kubeconfig whose user may do nothing.
    let powerlessKubeconfig: String
    /// A kubeconfig whose token nobody knows.
    let strangerKubeconfig: String
    /// A kubeconfig that points at a port where nothing listens.
    let deadKubeconfig: String
    let folder: URL

    var writer: ClusterWriter {
        ClusterWriter(shell: LocalShell(), kubeconfig: kubeconfig, requestTimeout: .seconds(15))
    }
    var reader: ClusterReader { writer.reader }

    func reader(_ kubeconfig: String) -> ClusterReader {
        ClusterReader(shell: LocalShell(), kubeconfig: kubeconfig, requestTimeout: .seconds(3))
    }

    /// The binary that the rehearsal cluster builds once and keeps.
    static let binary: String? = {
        let cache = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
        let folder = cache + "/keybuzz-runner-lab"
        // No cache yet means no server: the suite says that it is skipped.
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return versions.sorted().map { "\(folder)/\($0)/kube-apiserver" }
            .last { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    static var isAvailable: Bool {
        binary != nil && ["/usr/bin/etcd", "/usr/local/bin/etcd"].contains(where: FileManager.default.isExecutableFile)
    }
}

/// Gives a suite a server of its own while it runs.
struct APIServerTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let processes = try await APIServerProcesses()
        do {
            try await processes.waitUntilReady()
            try await APIServer.$current.withValue(processes.server) { try await function() }
        } catch {
            processes.stop()
            throw error
        }
        processes.stop()
    }
}

extension Trait where Self == APIServerTrait {
    /// A real API server while the suite runs.
    static var apiServer: Self { Self() }
}

/// The processes behind an ``APIServer``.
private struct APIServerProcesses {
    let server: APIServer
    private let running: [(process: ChildProcess, leash: Pipe)]

    init() async throws {
        let binary = try #require(APIServer.binary)
        let folder = FileManager.default.temporaryDirectory.appending(path: "kubernetes-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let ports = try FreePorts.take(4)
        func file(_ name: String, _ text: String) throws -> String {
            let url = folder.appending(path: name)
            try Data(text.utf8).write(to: url)
            return url.path
        }
        func kubeconfig(_ token: String, _ port: UInt16) throws -> String {
            let config: JSONValue = [
                "apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [
                    [
                        "name": "test",
                        "cluster": ["server": .string("https://127.0.0.1:\(port)"), "insecure-skip-tls-verify": true],
                    ]
                ],
                "users": [["name": "test", "user": ["token": .string(token)]]],
                "contexts": [["name": "test", "context": ["cluster": "test", "user": "test"]]],
            ]
            // kubectl reads this as YAML, which does not know JSON's `\/`.
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            return try file("\(token)-\(port).conf", String(decoding: encoder.encode(config), as: UTF8.self))
        }
        server = APIServer(
            kubeconfig: try kubeconfig("admin", ports[2]), powerlessKubeconfig: try kubeconfig("nobody", ports[2]),
            strangerKubeconfig: try kubeconfig("stranger", ports[2]), deadKubeconfig: try kubeconfig("admin", ports[3]),
            folder: folder)

        let key = folder.appending(path: "key.pem").path
        let keygen = try await ChildProcess.run("openssl", ["genrsa", "-out", key, "2048"])
        try #require(keygen.status == 0, "\(keygen.output)")
        let tokens = try file("tokens.csv", "admin,admin,1,\"system:masters\"\nnobody,nobody,2\n")

        let peer = "http://127.0.0.1:\(ports[1])"
        let client = "http://127.0.0.1:\(ports[0])"
        running = [
            try Self.start(
                ["etcd", "--data-dir", folder.appending(path: "etcd").path, "--unsafe-no-fsync"]
                    + ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
                    + ["--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)"],
                log: folder.appending(path: "etcd.log")),
            try Self.start(
                [binary, "--etcd-servers=\(client)", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"]
                    + ["--secure-port=\(ports[2])", "--cert-dir=\(folder.path)", "--token-auth-file=\(tokens)"]
                    + ["--authorization-mode=RBAC", "--service-cluster-ip-range=10.233.0.0/18"]
                    + ["--service-account-key-file=\(key)", "--service-account-signing-key-file=\(key)"]
                    + ["--service-account-issuer=https://kubernetes.default.svc"]
                    + ["--disable-admission-plugins=ServiceAccount"],
                log: folder.appending(path: "kube-apiserver.log")),
        ]
    }

    /// Starts a server on a leash: when this process ends in whatever way, its end of the pipe closes and the server ends.
    private static func start(_ command: [String], log: URL) throws -> (ChildProcess, Pipe) {
        try Data().write(to: log)
        let leash = Pipe()
        let process = try ChildProcess(
            "/bin/sh", ["-c", "\"$@\" </dev/null & cat >/dev/null; kill -9 $!; wait", "sh"] + command,
            input: leash.fileHandleForReading, output: .file(try FileHandle(forWritingTo: log)))
        return (process, leash)
    }

    func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try await server.reader.serverTime()
                return
            } catch  where ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(300))
            }
        }
    }

    func stop() {
        for (process, leash) in running.reversed() {
            leash.fileHandleForWriting.closeFile()
            process.waitHere()
        }
        do {
            try FileManager.default.removeItem(at: server.folder)
        } catch {
            Issue.record("\(server.folder.path) cannot be removed: \(error)")
        }
    }
}
