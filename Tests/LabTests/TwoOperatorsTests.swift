import Foundation
import TestSupport
import Testing

/// Two operators on two machines, who know nothing of each other, type `runner run 11` at the same moment.
extension RehearsalTests {
    @Test func ofTwoOperatorsOnTwoMachinesExactlyOneWins() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        try await Lab.runToTheEnd()
        // Whoever has the module stands still as soon as it has begun its first step, until the other has ended.
        let stopping = ["RUNNER_FAILPOINT": "step.check:1:pause"]
        let elsewhere = try OtherMachine()
        var wins = [0, 0]
        let rounds = Lab.isThorough ? 50 : 3
        for round in 1...rounds {
            let both = [
                try Lab.start("run", "11", environment: stopping),
                try elsewhere.start(["run", "11"], environment: stopping),
            ]
            try await eventually("one of them ends, round \(round)") { both.contains { !$0.isRunning } }
            let loser = try #require(both.firstIndex { !$0.isRunning })
            let refused = try await both[loser].wait()
            #expect(refused.status == 75, "round \(round): \(refused.status) \(refused.error)")
            let winner = both[1 - loser]
            try await eventually("the winner is in its first step, round \(round)") { try winner.isStopped }
            let names = ["@install-01 ", "@install-02 "]
            #expect(refused.error.contains(names[1 - loser]), "round \(round): \(refused.error)")
            winner.send(SIGCONT)
            let end = try await winner.wait()
            // The second machine writes the secrets of the cluster down the first time.
            let isFirst = loser == 0 && wins[1] == 0
            let done = isFirst ? "1 applied, 6 in place" : "0 applied, 7 in place"
            #expect(end.status == 0 && end.error.contains(done), "round \(round): \(end.error)")
            wins[1 - loser] += 1
        }
        print("the first machine won \(wins[0]) times, the second \(wins[1]) times")
        let difference = try await Platform.difference(from: undisturbed)
        #expect(difference.isEmpty, "\(difference)")
        for state in [Lab.state, OtherMachine.state] {
            let verified = try await Lab.runner("audit", "verify", "--state-dir", state)
            #expect(verified.status == 0, "\(verified.output)")
        }
        survived(
            "`run` started at the same time on two machines, on the rehearsal cluster", times: rounds,
            oracle: "exactly one wins, and the other names it and ends with 75")
    }
}
