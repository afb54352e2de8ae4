import ClientKit
import Foundation
import Glibc
import Journal
import Testing

@testable import RunnerCommands

/// What an auditor who has never seen a run reads of it.
@Suite(.timeLimit(.minutes(20))) struct AuditReadingTests {
    @Test func aRunIsToldAsAnAccount() async throws {
        let sample = try await ReadableState()
        let show = try await sample.run("audit show")
        #expect(show.status == 0, "\(show.errors)")
        for part in [
            "of module 11: failed", "command: runner run 11", "started the run", "ticket: OPS-7",
            "reason: the certificate expires",
            "preflight passed; these nodes do not respond: k8s-worker-03", "fix_ufw_k8s_nodes: applied and verified",
            "changed: Deployment support/web: spec.replicas: 1 → 2",
            "apply objects (k8s-master-01, as root, may change, exited 0, 12 ms)", "and 1 commands that only read",
            "11_ct_00_setup_credentials: FAILED: the link was lost", "exit status 1: the link was lost",
        ] { #expect(show.output.contains(part), "\(part): \(show.output)") }
        #expect(!show.output.contains("kubectl get pods"))
    }

    @Test func anAccountIsLimitedToWhatIsAskedFor() async throws {
        let sample = try await ReadableState()
        let all = try await sample.run("audit show --commands").output
        #expect(all.contains("$ kubectl get pods") && all.contains("$ kubectl apply -f -"))
        let step = try await sample.run("audit show --step 11_ct_00_setup_credentials").output
        #expect(step.contains("FAILED") && !step.contains("fix_ufw") && !step.contains("started the run"))
        let host = try await sample.run("audit show --host 10.0.0.10").output
        #expect(host.contains("$ CREATE ROLE support") && host.contains("as admin, database postgres"))
        #expect(!host.contains("kubectl") && !host.contains("preflight"))
        let changes = try await sample.run("audit show --changes-only").output
        #expect(changes.contains("spec.replicas: 1 → 2") && changes.contains("to do: create role \"support\""))
        #expect(!changes.contains("preflight") && !changes.contains("kubectl"))
        let json = try await sample.run("audit show --changes-only --format json").output
        let records = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]] ?? []
        #expect(
            records.compactMap { $0["kind"] as? String } == [
                "run.start", "step.check", "step.end", "step.check", "step.end", "run.end",
            ])
        #expect(try await sample.run("audit show --changes-only --host x").status == 64)
        let none = try await sample.run("audit show --host k8s-master-09 --step fix_ufw_k8s_nodes").output
        #expect(none.hasSuffix("no record of step fix_ufw_k8s_nodes and of a command on k8s-master-09\n"), "\(none)")
    }

    /// Whoever looks at a part of a record has to know that it is not all there.
    @Test(arguments: ["--changes-only", "--host 10.0.0.10", "--step 11_ct_00_setup_credentials", "--commands"])
    func damageIsShownWhateverIsAskedFor(_ filter: String) async throws {
        let sample = try await ReadableState()
        let run = try #require(try sample.state.runs().first)
        try FileManager.default.removeItem(atPath: "\(run.path)/run.json")
        try await ReadableState.makeRun(in: sample.state)
        let shown = try await sample.run("audit show \(filter)").output
        #expect(shown.contains("damage: ") && shown.contains("\(run.id).set-aside-1"), "\(shown)")
    }

    /// Somebody else's record: it was called empty, as though no run had been made.
    @Test(.enabled(if: geteuid() == 0, "root gives and takes the rights"), arguments: ["", "/runs", "/runs/RUN"])
    func whatMayNotBeReadIsNotCalledAbsent(_ place: String) async throws {
        let sample = try await ReadableState()
        let run = try #require(try sample.state.runs().first)
        try await runTool("/bin/chmod", ["-R", "go+rX", sample.state.path])
        func answer(to command: [String]) async throws -> (output: String, status: Int32) {
            try await capture(
                URL(filePath: "/usr/bin/setpriv"),
                ["--reuid=65534", "--regid=65534", "--clear-groups", Program.runner.file.path] + command
                    + ["--state-dir", sample.state.path])
        }
        #expect(try await answer(to: ["status"]).status == 0)
        try await runTool("/bin/chmod", ["700", sample.state.path + place.replacing("RUN", with: run.id.description)])
        for command in [["status"], ["audit", "verify"], ["audit", "show", run.id.description], ["audit", "list"]] {
            let answer = try await answer(to: command)
            #expect(answer.status != 0 && answer.output.contains("Permission denied"), "\(command): \(answer)")
        }
    }

    @Test func allRunsAreListedNewestLast() async throws {
        let sample = try await ReadableState(runs: 2)
        var list = try await sample.run("audit list").output.split(separator: "\n")
        #expect(list.count == 2 && list[0] < list[1])
        #expect(
            list.allSatisfy { $0.hasSuffix("failed  1 applied  OPS-7  the certificate expires  unsigned  intact") },
            "\(list)")
        let (newest, oldest) = (try #require(try sample.state.runs().first), try #require(try sample.state.runs().last))
        let log = "\(newest.path)/audit.jsonl"
        try Data([UInt8](contentsOf(log)).map { $0 == UInt8(ascii: "7") ? UInt8(ascii: "8") : $0 }).write(
            to: URL(filePath: log))
        list = try await sample.run("audit list").output.split(separator: "\n")
        #expect(list[1].contains("NOT INTACT: audit.jsonl, line 1") && list[0].hasSuffix("intact"), "\(list)")
        let json = try await sample.run("audit list --format json").output
        let runs = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]] ?? []
        #expect(runs.map { $0["isIntact"] as? Bool } == [true, false])
        let why = try await sample.run("audit why deployment/web")
        #expect(why.status == 65 && why.errors.contains("line 1 is damaged"))
        #expect(why.output.contains(oldest.id.description) && !why.output.contains(newest.id.description))
    }

    @Test func theChangesOfAnObjectAreFoundInAllRuns() async throws {
        let sample = try await ReadableState(runs: 3)
        let runs = try sample.state.runs().map(\.id.description)
        for name in ["deployment/web", "deploy/web", "'Deployment support/web'", "deployments/support/web", "web"] {
            let found = try await sample.run("audit why \(name)")
            let lines = found.output.split(separator: "\n")
            #expect(found.status == 0 && lines.count == 6, "\(name): \(found)")
            for run in runs { #expect(found.output.contains("of run \(run); OPS-7; the certificate expires")) }
            #expect(lines[0].hasSuffix("Deployment support/web: spec.replicas: 1 → 2"))
            #expect(lines[1].contains("applied; ") && lines[1].contains("step fix_ufw_k8s_nodes"))
        }
        let role = try await sample.run("audit why role/support").output
        #expect(role.contains("failed; ") && role.contains("; the link was lost"))
        for name in ["deployment/web2", "secret/web", "deployment/other/web"] {
            #expect(try await sample.run("audit why \(name)").output.hasPrefix("no run has changed "))
        }
        #expect(try await sample.run("audit why /").status == 64)
    }

    @Test func statusReadsTheNewestOfTenThousandRunsAlone() async throws {
        let sample = try await ReadableState()
        let run = try #require(try sample.state.runs().first)
        for number in 0..<10_000 {
            let id = "20200101T000000Z-11-" + String(number + 0x10000, radix: 16).dropFirst()
            try FileManager.default.createDirectory(
                atPath: "\(sample.path)/runs/\(id)", withIntermediateDirectories: false)
            let header = "\(sample.path)/runs/\(id)/run.json"
            #expect(link("\(run.path)/run.json", header) == 0)
        }
        let (status, output, errors) = try await sample.run("status >/dev/null; times")
        #expect(status == 0, "\(errors)")
        // The shell's own times, then those of what it ran: in the program, and in the kernel.
        let times = try #require(output.split(separator: "\n").last).split(separator: " ").map { text in
            let parts = text.dropLast().split(separator: "m").compactMap { Double($0) }
            return parts[0] * 60 + parts[1]
        }
        print("status of one of 10,001 runs: \(times[0]) s and \(times[1]) s of processor time")
        #expect(times.reduce(0, +) < 0.2)
    }

    @Test func aRemovedLogIsAnErrorForWhoeverReadsIt() async throws {
        let sample = try await ReadableState()
        let run = try #require(try sample.state.runs().first)
        try FileManager.default.removeItem(atPath: "\(run.path)/audit.jsonl")
        for command in ["audit show", "audit why deployment/web"] {
            let found = try await sample.run(command)
            #expect(found.status == 65 && found.errors.contains("it was removed or emptied"), "\(command): \(found)")
        }
        #expect(try await sample.run("audit list").output.contains("NOT INTACT: audit.jsonl: it is missing"))
    }
}

private func contentsOf(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

/// A state directory with runs that changed something and then failed, removed when the test ends.
final class ReadableState {
    let path = NSTemporaryDirectory() + "runner-tests-\(UUID().uuidString)"
    let state: StateDirectory

    init(runs: Int = 1) async throws {
        state = try StateDirectory.prepare(path)
        for _ in 0..<runs { try await Self.makeRun(in: state) }
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
    }

    static func makeRun(in state: StateDirectory) async throws {
        let (first, second) = ("fix_ufw_k8s_nodes", "11_ct_00_setup_credentials")
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: [first, second], runnerVersion: "1.0", arguments: ["runner", "run", "11"],
                inventoryPath: "/i.json", inventoryDigest: "00",
                why: RunReason(ticket: "OPS-7", reason: "the certificate expires")),
            in: state, holding: lock, redactor: Redactor())
        try await journal.record(.preflight(PreflightResult(absent: ["k8s-worker-03"])))
        try await journal.beginStep(first)
        try await send(journal, .ssh, "k8s-master-01", "list pods", "kubectl get pods", .read, user: "root")
        let scale = RecordedChange(
            "Deployment support/web: spec.replicas: 1 → 2", action: "change", object: "Deployment support/web",
            field: "spec.replicas", before: "1", after: "2")
        try await journal.recordCheck(of: first, inPlace: false, changes: [scale])
        try await send(journal, .ssh, "k8s-master-01", "apply objects", "kubectl apply -f -", .change, user: "root")
        try await journal.finishStep(first, .applied, changes: [scale])
        try await journal.beginStep(second)
        let role = RecordedChange("create role \"support\"", action: "create", object: "role \"support\"")
        try await journal.recordCheck(of: second, inPlace: false, changes: [role])
        try await send(
            journal, .postgres, "10.0.0.10:5432/postgres", "create role support", "CREATE ROLE support", .change,
            user: "admin", database: "postgres")
        try await journal.failStep(second, error: "the link was lost")
        try await journal.finish(.failed, exitCode: 1, error: "the link was lost", step: second, counts: ["applied": 1])
        try lock.release()
    }

    private static func send(
        _ journal: RunJournal, _ channel: Activity.Channel, _ host: String, _ purpose: String, _ command: String,
        _ effect: Effect, user: String, database: String? = nil
    ) async throws {
        let activity = Activity(
            channel: channel, host: host, as: .init(user: user, database: database), for: purpose,
            command: channel == .ssh ? command.split(separator: " ").map(String.init) : [command], effect: effect)
        try await journal.willBegin(activity)
        try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(12)))
    }

    func run(_ command: String) async throws -> (status: Int32, output: String, errors: String) {
        try await AuditSample.run("$runner \(command)", state: path)
    }
}
