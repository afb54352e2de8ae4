import ClientKit
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// A platform of files, a state directory, and the helper that runs the engine on them.
struct FailpointSite {
    enum Scenario: CaseIterable {
        /// The first run of all.
        case run
        /// A run that carries out a plan.
        case plan
        /// A run whose second step fails.
        case failure
        /// What goes on after a run whose second step failed, one finished step of which has drifted since, and which
        /// was cut off within a record.
        case resume
        /// What goes on after a run that was killed between the announcement of a file and its name.
        case finish
    }

    let scratch: Scratch
    private let scenario: Scenario

    init(_ scenario: Scenario) throws {
        self.scenario = scenario
        scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: platform, withIntermediateDirectories: false)
        try Shipped.inventoryText().write(toFile: inventory, atomically: false, encoding: .utf8)
        switch scenario {
        case .run: break
        case .plan: #expect(try run("plan", plan).status == 0)
        case .failure: try make("second.fails")
        case .resume:
            try make("second.fails")
            #expect(try run("run").status == 1)
            try remove("second.fails")
            try remove("first.1")
            let state = StateDirectory.reading(state)
            let log = "\(try #require(try state.newestRun()).path)/audit.jsonl"
            let file = try FileHandle(forWritingTo: URL(filePath: log))
            try file.seekToEnd()
            try file.write(contentsOf: Data(#"{"elapsed_ms":12,"kind":"step.ch"#.utf8))
            try file.close()
        case .finish:
            let ended = try run("run", environment: ["RUNNER_FAILPOINT": "file.commit:1:kill"])
            #expect(ended.status == 128 + SIGKILL)
        }
    }

    private var state: String { "\(scratch.path)/state" }
    private var platform: String { "\(scratch.path)/platform" }
    private var inventory: String { "\(scratch.path)/inventory.json" }
    private var plan: String { "\(scratch.path)/plan.json" }

    private func make(_ object: String) throws { try Data().write(to: URL(filePath: "\(platform)/\(object)")) }
    private func remove(_ object: String) throws {
        try FileManager.default.removeItem(atPath: "\(platform)/\(object)")
    }

    /// Does what the scenario is about.
    @discardableResult
    func go(_ environment: [String: String]) throws -> (status: Int32, output: String) {
        switch scenario {
        case .run, .failure: try run("run", environment: environment)
        case .plan: try run("run", plan, environment: environment)
        case .resume, .finish: try run("resume", environment: environment)
        }
    }

    /// Does that up to `place`, where `action` hits it.
    func go(to place: String, _ action: String) throws {
        let ended = try go(["RUNNER_FAILPOINT": "\(place):\(action)"])
        #expect(ended.status != 3, "\(place):\(action): \(ended.output)")
        if action == "kill" { #expect(ended.status == 128 + SIGKILL, "\(place): \(ended.output)") }
    }

    /// Goes on until nothing is left to do, and compares the end with that of an undisturbed run.
    func finish(_ place: String) throws {
        if FileManager.default.fileExists(atPath: "\(platform)/second.fails") { try remove("second.fails") }
        let resumed = try run("resume")
        #expect(resumed.status == 0, "\(place): \(resumed.output)")
        if resumed.output.contains("nothing to resume") {
            // It was hit before a run began, or after its end.
            let last = try run("run")
            #expect(last.status == 0, "\(place): \(last.output)")
        }
        let steps = ["first", "second", "third"]
        let objects = try FileManager.default.contentsOfDirectory(atPath: platform).sorted()
        #expect(objects == steps.flatMap { ["\($0).1", "\($0).2"] }, "\(place)")
        let directory = StateDirectory.reading(state)
        let report = try AuditVerifier(directory).verifyAll()
        let findings = report.findings + report.runs.flatMap(\.findings)
        #expect(findings.map(\.description) == [], "\(place)")
        let newest = try #require(try directory.newestRun())
        #expect(try newest.outcome().content?.result == .succeeded, "\(place)")
        #expect(try newest.checkpoints().values.count { $0.content != nil } == steps.count, "\(place)")
    }

    /// Runs the helper to its end, and lets it go on where it stops; its exit status, or 128 and the signal.
    private func run(
        _ command: String, _ plan: String? = nil, environment: [String: String] = [:]
    ) throws -> (status: Int32, output: String) {
        let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "EngineCrash")
        let process = try ChildProcess(
            program.path, [command, state, platform, inventory] + (plan.map { [$0] } ?? []),
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
        if environment["RUNNER_FAILPOINT"]?.hasSuffix(":pause") == true {
            try wakeWhenStopped(process)
        }
        let finished = try process.finishHere()
        return (finished.status, finished.output)
    }

    private func wakeWhenStopped(_ process: ChildProcess) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            try #require(ContinuousClock.now < deadline && process.isRunning, "it did not stop")
            if try process.isStopped { break }
            usleep(2000)
        }
        process.send(SIGCONT)
    }
}
