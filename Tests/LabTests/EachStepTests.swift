import Foundation
import TestSupport
import Testing

/// What is tried inside each step of a run: with RUNNER_TORTURE in all of them, otherwise in one.
extension RehearsalTests {
    /// Does `work` in the middle of each step of a run that was started on an empty platform with `environment`; again where that
    /// answers that it came too late, since the run was through.
    func inEachStep(
        environment: [String: String] = [:],
        _ work: (_ run: Command.Running, _ step: String, _ undisturbed: [String]) async throws -> Bool
    ) async throws -> (steps: Int, seed: UInt64) {
        let steps = try await Undisturbed.steps()
        let undisturbed = try await Undisturbed.fingerprint()
        var numbers = SeededNumbers()
        let chosen = Lab.isThorough ? steps : try [#require(steps.randomElement(using: &numbers))]
        for step in chosen {
            var (isDone, tries) = (false, 0)
            while !isDone {
                tries += 1
                try #require(tries <= 5, "\(step.name) was over each time")
                try await Lab.reset()
                let run = try Lab.start("run", "11", environment: environment)
                try await eventually("\(step.name) begins") { try Platform.hasBegun(step.name) }
                try await Task.sleep(for: .seconds(step.seconds * .random(in: 0..<1, using: &numbers)))
                isDone = try await work(run, step.name, undisturbed)
            }
        }
        return (chosen.count, numbers.seed)
    }

    /// Ten minutes pass while it stands still, as for a laptop that is closed; nobody else takes the module meanwhile.
    @Test func aRunThatSleptForTenMinutesIsResumed() async throws {
        let clock = try MovedClock()
        let tried = try await inEachStep(environment: clock.environment) { run, step, undisturbed in
            run.send(SIGSTOP)
            let known = try Platform.auditLines().count
            try clock.sleep(seconds: 600)
            run.send(SIGCONT)
            let end = try await run.wait()
            let changes = try Self.changes(after: known).filter { !$0.contains("Lease") }
            try clock.sleep(seconds: 0)
            // Where nothing was left to change it is through before its next renewal.
            #expect([0, 75].contains(end.status), "\(step): \(end.status) \(end.error)")
            #expect(changes.isEmpty, "\(step): changed after the term: \(changes)")
            let secrets = try await Platform.presentSecrets()
            let whole =
                end.status == 0 ? try await Lab.runner("run", "11") : try await Lab.runner("resume")
            print("\(step): \(end.status) \(end.error)\n\(whole.error)")
            #expect(whole.status == 0, "\(step): \(whole.error)")
            try await Platform.expectRecovered(as: undisturbed, "\(step): \(whole.error)")
            try await Platform.expectKept(secrets, step)
            return true
        }
        survived(
            "stopped for ten minutes inside a step, by the clock that goes on through sleep", times: tried.steps,
            oracle: "nothing is changed after the term; resumed; ends with the objects and the database of an "
                + "undisturbed run, the same secrets, migrated once, an intact record", seed: tried.seed)
    }

    @Test func aWallClockThatIsSetInsideAStepChangesNothing() async throws {
        let clock = try MovedClock()
        let tried = try await inEachStep(environment: clock.environment) { run, step, undisturbed in
            try clock.move(to: 3600)
            let known = try Platform.auditLines().count
            try await eventually("it goes on, or is through") {
                try !run.isRunning || Platform.auditLines().count > known + 2
            }
            try clock.move(to: -3600)
            let secrets = try await Platform.presentSecrets()
            let end = try await run.wait()
            #expect(end.status == 0, "\(step): \(end.error)")
            try clock.move(to: 0)
            try await Platform.expectRecovered(as: undisturbed, "\(step): \(end.error)")
            try await Platform.expectKept(secrets, step)
            return true
        }
        survived(
            "the wall clock set an hour forth, and then two hours back, inside a step", times: tried.steps,
            oracle: "the run ends as an undisturbed one: the same objects and database, migrated once, an intact "
                + "record", seed: tried.seed)
    }

    /// A run that one version began is gone on with by another, a later one or an earlier.
    @Test(arguments: Lab.chosen([true, false])) func aRunIsResumedByAnotherVersion(_ isLater: Bool) async throws {
        let later = try Self.laterVersion()
        let tried = try await inEachStep { run, step, undisturbed in
            var run = run
            if !isLater {
                run.send(SIGKILL)
                guard try await run.wait(atMost: .seconds(30)).status != 0 else { return false }
                // The later one goes on first, and is killed too.
                let known = try Platform.auditLines().count
                run = try Command([Lab.command, "run", later, "resume"]).start()
                try await eventually("\(step) goes on") {
                    try !run.isRunning || Platform.hasBegun(step, after: known)
                }
            }
            run.send(SIGKILL)
            guard try await run.wait(atMost: .seconds(30)).status != 0 else { return false }
            let secrets = try await Platform.presentSecrets()
            let resumed = try await Command([Lab.command, "run", isLater ? later : Lab.runner, "resume"]).run()
            print("\(step): \(resumed.status) \(resumed.error)")
            #expect(resumed.status == 0, "\(step): \(resumed.error)")
            let words =
                isLater
                ? "runner 0.1.0 started the run, and runner 0.2.0 goes on with it"
                : "runner 0.2.0 went on with the run last, and runner 0.1.0 goes on with it"
            #expect(resumed.error.contains(words), "\(step): \(resumed.error)")
            try await Platform.expectRecovered(as: undisturbed, "\(step): \(resumed.error)")
            try await Platform.expectKept(secrets, step)
            return true
        }
        survived(
            isLater
                ? "a later version of `runner` given a run that was killed inside a step"
                : "an earlier version of `runner` given a run that a later one had gone on with", times: tried.steps,
            oracle: "what changed is told; ends with the objects and the database of an undisturbed run, the same "
                + "secrets, migrated once, an intact record", seed: tried.seed)
    }

    /// This build with the number of another version, beside it because of its libraries.
    private static func laterVersion() throws -> String {
        let path = "\(Lab.runner)-0.2.0"
        var bytes = try Data(contentsOf: URL(filePath: Lab.runner))
        let own = Data("\u{0}0.1.0\u{0}".utf8)
        let place = try #require(bytes.range(of: own), "the version is a string of its own in a debug build")
        bytes.replaceSubrange(place, with: Data("\u{0}0.2.0\u{0}".utf8))
        try bytes.write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }
}
