import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// Kills and fails what decides and writes outside of the engine and the journal's own runs, at each of its failpoints; the
/// command, repeated, then ends as an undisturbed one does.
@Suite(.serialized, .timeLimit(.minutes(30))) struct CommandFailpointTests {
    @Test(arguments: CommandSite.Scenario.allCases)
    func eachIsSurvived(_ scenario: CommandSite.Scenario) async throws {
        let names = try Self.names()
        let places = try await CommandSite(scenario).reached().filter(names.contains)
        #expect(!places.isEmpty)
        let actions = ["kill", "error"]
        var times = 0
        for (index, place) in places.enumerated() {
            for action in isThorough ? actions : [actions[index % 2]] {
                times += 1
                let site = try await CommandSite(scenario)
                let ended = try await site.go(["RUNNER_FAILPOINT": "\(place):1:\(action)"])
                let isHit = action == "kill" ? ended.status == 128 + SIGKILL : ended.status != 0
                #expect(isHit, "\(place):\(action): \(ended)")
                try await site.finish("\(scenario), \(place):\(action)")
            }
        }
        survived(
            "killed or failed at a failpoint of `unlock`, `audit prune` or the file of generated secrets",
            times: times,
            oracle: "the command, repeated, ends well; no secret is made again, and the record is intact")
    }

    /// The lock is broken by then, and the record says so whatever fails after that.
    @Test(arguments: ["/dev/full", "outcome.witnessed", "outcome.written"])
    func anUnlockHasOneOutcome(failing: String) async throws {
        let site = try await CommandSite(.unlock)
        let ended =
            failing == "/dev/full"
            ? try await site.goIntoAFullDevice() : try await site.go(["RUNNER_FAILPOINT": "\(failing):1:error"])
        #expect(ended.status == (failing == "/dev/full" ? 74 : 73), "\(ended)")
        #expect(!ended.output.contains("report this"), "\(ended)")
        try await site.finish(failing)
    }

    @Test func theCommandsReachEachFailpointOfTheSources() async throws {
        var reached: Set<String> = []
        for scenario in CommandSite.Scenario.allCases {
            reached.formUnion(try await CommandSite(scenario).reached())
        }
        let names = try Self.names()
        #expect(names.subtracting(reached).isEmpty, "each is reached")
        #expect(names.count >= 22)
    }

    /// Those of the sources but for the engine's and the journal's, which `FailpointTests` reaches.
    private static func names() throws -> Set<String> {
        let ofPrunes = try Shipped.failpoints(of: "Journal").filter { $0.hasPrefix("prune.") }
        return Set(try ["ClientKit", "StepKit", "runner"].flatMap(Shipped.failpoints) + ofPrunes)
    }
}
