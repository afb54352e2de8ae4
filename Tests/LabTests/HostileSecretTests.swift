import Foundation
import Glibc
import Testing

/// Hostile secrets, in pods that tell everything they know, on every way that a run can take.
extension RehearsalTests {
    /// With a release build (RUNNER_BINARY) there are 200 of them: a debug build takes minutes to look for so many.
    @Test func hostileSecretsAppearNowhere() async throws {
        try await Lab.reset()
        let isDebug = ProcessInfo.processInfo.environment["RUNNER_BINARY"] == nil
        let secrets = HostileSecrets(count: isDebug ? 27 : 200)
        let extra = "\(Lab.credentials)/chatwoot-extra.env"
        try secrets.file.write(toFile: extra, atomically: false, encoding: .utf8)
        chmod(extra, 0o600)
        defer { unlink(extra) }
        let hunt = try Hunt(for: secrets.values)
        defer { hunt.removeFiles() }
        try #require(try await hunt.finds(in: [Lab.credentials]) == [extra], "what is there is found")

        let telling = #""environment": {"STANDIN_TELL_ENVIRONMENT": "1""#
        let well = try Variant(["\"replicas\"": telling + "}, \"replicas\""])
        let noWorker = try Variant(["\"replicas\"": telling + #", "STANDIN_FAIL": "worker"}, "replicas""#])
        let noMigration = try Variant([
            "\"replicas\"": telling + #", "STANDIN_FAIL": "migrate schema"}, "replicas""#
        ])
        func run(_ status: Int32, _ arguments: String...) async throws {
            let running = try Command([Lab.command, "run", Lab.runner] + arguments).start()
            let finds = try await hunt.watchProcesses(while: { running.isRunning })
            #expect(finds.isEmpty, "\(finds)")
            let result = try await running.wait()
            #expect(result.status == status, "\(arguments): \(result.error)")
            try hunt.keep(result)
        }
        // The schema load fails, the run is stopped, the worker fails, and all goes well.
        try await run(1, "run", "11", "--inventory", noMigration.path)
        try await stopped(by: hunt, "run", "11", "--new", "--inventory", well.path)
        try await run(0, "resume", "--inventory", well.path)
        try await run(1, "run", "11", "--inventory", noWorker.path)
        try await run(0, "plan", "11", "--inventory", well.path)
        try await run(0, "run", "11", "--inventory", well.path)
        // What is known after the fact is told as much as can be.
        try await run(0, "doctor", "11", "--inventory", well.path)
        for run in try FileManager.default.contentsOfDirectory(atPath: "\(Lab.state)/runs") {
            for command in [
                ["status", run], ["logs", run, "--verbose"], ["logs", run, "--format", "json"],
                ["audit", "show", run, "--commands"], ["audit", "show", run, "--format", "json"],
                ["audit", "report", run], ["audit", "export", run, "-o", "\(hunt.folder.path)/\(run).tar.gz"],
            ] {
                let result = try await Command([Lab.command, "run", Lab.runner] + command).run()
                #expect(result.status == 0, "\(command): \(result.error)")
                try hunt.keep(result)
            }
            let untar = ["/usr/bin/tar", "-C", hunt.folder.path, "-xzf", "\(hunt.folder.path)/\(run).tar.gz"]
            #expect(try await Command(untar).run().status == 0)
        }
        for host in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01", "db-01", "redis-01"] {
            let logs = "find /var/log -type f ! -path '*/pods/*' ! -path '*/containers/*' -exec cat {} +"
            try hunt.keep(try await Command([Lab.command, "shell", host, "sh", "-c", logs]).run())
        }
        for kind in ["configmaps", "events", "pods", "deployments", "replicasets", "jobs", "leases"] {
            try hunt.keep(
                try await Command([Lab.command, "kubectl", "get", kind, "--all-namespaces", "-o", "yaml"]).run())
        }
        let evidence = try FileManager.default.subpathsOfDirectory(atPath: Lab.state).filter {
            $0.contains("/evidence/")
                && (FileManager.default.contents(atPath: "\(Lab.state)/\($0)")?.count ?? 0) > 10_000
        }
        #expect(!evidence.isEmpty, "the pods told what they know: \(evidence)")
        let finds = try await hunt.finds(in: [Lab.state, hunt.folder.path, "\(Lab.home)/log"])
        #expect(finds.isEmpty, "\(finds)")
    }

    /// Interrupts a run within its migration.
    private func stopped(by hunt: Hunt, _ arguments: String...) async throws {
        let running = try Command([Lab.command, "run", Lab.runner] + arguments).start()
        try await eventually("the migration runs", within: .seconds(240)) {
            try Platform.hasBegun("11_ct_04_run_migrations") || !running.isRunning
        }
        running.send(SIGINT)
        let result = try await running.wait()
        #expect(result.status == 130, "\(result.error)")
        try hunt.keep(result)
    }
}

/// Looks for all forms of secrets with grep, and keeps what was printed for it.
private struct Hunt {
    let folder: URL
    private let patterns: URL
    private let bare: URL

    init(for values: [String]) throws {
        let temporary = FileManager.default.temporaryDirectory.appending(path: "hunt-\(UUID().uuidString)")
        folder = temporary.appending(path: "kept")
        patterns = temporary.appending(path: "patterns")
        bare = temporary.appending(path: "bare")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let forms = try HostileSecrets.forms(of: values)
        try Self.write(forms, to: patterns)
        try Self.write(values.map { Data($0.utf8) }, to: bare)
    }

    private static func write(_ lines: some Sequence<Data>, to file: URL) throws {
        try lines.reduce(into: Data()) { $0 += $1 + Data("\n".utf8) }.write(to: file)
        chmod(file.path, 0o600)
    }

    func removeFiles() {
        do {
            try FileManager.default.removeItem(at: folder.deletingLastPathComponent())
        } catch {
            print("left behind: \(folder.path): \(error)")
        }
    }

    func keep(_ result: Command.Result) throws {
        let file = folder.appending(path: UUID().uuidString)
        try (result.output + result.error).write(to: file, atomically: false, encoding: .utf8)
    }

    /// The files below `places` that hold a form of a secret.
    func finds(in places: [String]) async throws -> [String] {
        let result = try await Command(
            ["/usr/bin/grep", "-rlaFf", patterns.path] + places, environment: ["LC_ALL": "C"]
        ).run()
        try #require(result.status <= 1 && result.error.isEmpty, "\(result.error)")
        return result.output.split(separator: "\n").map(String.init)
    }

    /// Reads every process's arguments and environment again and again; pods' own processes aside.
    func watchProcesses(while isRunning: @Sendable () -> Bool) async throws -> [String] {
        let script = """
            for p in /proc/[0-9]*; do grep -qs kubepods $p/cgroup || echo $p/cmdline $p/environ; done |
                xargs grep -slaFf "$0"
            """
        var finds: Set<String> = []
        while isRunning() {
            let result = try await Command(["/bin/sh", "-c", script, bare.path], environment: ["LC_ALL": "C"]).run()
            for path in result.output.split(separator: "\n") {
                let folder = URL(filePath: String(path)).deletingLastPathComponent().path
                let name = FileManager.default.contents(atPath: "\(folder)/comm") ?? Data()
                finds.insert("\(path) \(String(decoding: name, as: UTF8.self))")
            }
        }
        return finds.sorted()
    }
}
