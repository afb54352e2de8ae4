import Foundation
import TestSupport
import Testing

/// Servers are stopped, and connections to them are cut, inside each step, for a moment or until the run has ended.
extension RehearsalTests {
    /// For as long as a run does not end without what was taken.
    private static let longest = Duration.seconds(60)

    @Test(arguments: BrokenPart.chosen(BrokenPart.servers)) func aServerThatEndsInsideAStep(_ part: BrokenPart)
        async throws
    {
        try await takeInsideEachStep(part, moments: 1)
    }

    @Test(arguments: BrokenPart.chosen(BrokenPart.paths)) func aPathThatBreaksInsideAStep(_ part: BrokenPart)
        async throws
    {
        try await takeInsideEachStep(part, moments: 3)
    }

    /// What they lacked is back, and their last failure is from before: neither that nor the pause counts.
    @Test func podsThatAreBackingOffAreRestartedByResume() async throws {
        try await Lab.reset()
        let run = try Lab.start("run", "11")
        try await eventually("the deployment is made") {
            try await !Lab.objects("-n", "chatwoot", "deployments").isEmpty
        }
        try await undoing({ try await Lab.call("start", "redis") }) {
            try await Lab.call("stop", "redis")
            let end = try await run.wait()
            #expect(end.status != 0 && end.error.contains("Redis at 10.0.0.10:6379"), "\(end.error)")
            try await eventually("a pod waits for 40 s", within: .seconds(120)) {
                let pods = try await Lab.objects("-n", "chatwoot", "pods", "-l", "component=worker")
                let states = pods.flatMap {
                    ($0["status"] as? [String: Any])?["containerStatuses"] as? [[String: Any]] ?? []
                }
                return states.contains { state in
                    let waiting = (state["state"] as? [String: Any])?["waiting"] as? [String: Any]
                    return waiting?["reason"] as? String == "CrashLoopBackOff"
                        && state["restartCount"] as? Int ?? 0 >= 3
                }
            }
        }
        try await Lab.call("settle")
        let resumed = try await Lab.runner("resume")
        #expect(resumed.status == 0, "\(resumed.error)")
    }

    /// Takes `part` away at so many moments of each step; of one step, that a seed chooses, unless it is to be thorough.
    private func takeInsideEachStep(_ part: BrokenPart, moments: Int) async throws {
        let steps = try await Undisturbed.steps()
        var numbers = SeededNumbers()
        let chosenMoments = Set(Lab.chosen(Array(0..<moments)))
        let chosen = Lab.isThorough ? steps : try [#require(steps.randomElement(using: &numbers))]
        var times = 0
        for step in chosen {
            for moment in 0..<moments {
                let share = (Double(moment) + .random(in: 0..<1, using: &numbers)) / Double(moments)
                // Long enough that it is met, and every third time for good.
                let time =
                    Int.random(in: 0..<3, using: &numbers) == 0 ? nil : Double.random(in: 0.5..<10, using: &numbers)
                guard chosenMoments.contains(moment) else { continue }
                try await take(part, within: step.name, after: step.seconds * share, for: time)
                times += 1
            }
        }
        survived(
            "\(part.testDescription) inside a step on the rehearsal cluster", times: times,
            oracle:
                "the run goes on, or ends with a sentence and is resumed; ends with the objects and the database of an "
                + "undisturbed run, the same secrets, migrated once, an intact record, no secret in a file",
            seed: numbers.seed)
    }

    private func take(
        _ part: BrokenPart, within step: String, after delay: Double, for time: Double?
    ) async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let run = try Lab.start("run", "11")
        try await eventually("\(step) begins") { try Platform.hasBegun(step) }
        try await Task.sleep(for: .seconds(delay))
        try await undoing({ try await part.giveBack() }) {
            try await part.take()
            let longest = ContinuousClock.now + (time.map(Duration.seconds) ?? Self.longest)
            while ContinuousClock.now < longest, time != nil || run.isRunning {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        let end = try await run.wait()
        let secrets = try await Platform.presentSecrets()
        let words =
            "\(part.testDescription), \(step) after \(delay) s for \(time.map { "\($0) s" } ?? "good"): \(end.status) \(end.error)"
        // A node that was cut off shows the page again when its kube-proxy has caught up.
        try await Lab.call("settle")
        if end.status != 0 {
            #expect([1, 69, 75].contains(end.status), "\(words)")
            #expect(end.error.contains("runner resume"), "\(words)")
            let resumed = try await Lab.runner("resume")
            #expect(resumed.status == 0, "\(words)\n\(resumed.error)")
        }
        print("\(words.prefix { $0 != "\n" }); \(end.seconds) s")
        try await Platform.expectRecovered(as: undisturbed, words)
        try await Platform.expectKept(secrets, words)
    }
}
