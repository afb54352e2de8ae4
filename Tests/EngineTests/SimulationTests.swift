import ClientKit
import Foundation
import TestSupport
import Testing

/// The engine and the journal, cut off and resumed on a simulated disk, clock, cluster and hosts.
@Suite(.timeLimit(.minutes(60))) struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let oracle =
        "no step and no change is done twice, only the holder of the Lease changes anything, the record is intact"

    @Test(arguments: [("nothing", "resume"), ("all", "resume"), ("nothing", "new")])
    func eachPointIsSurvived(losing loss: String, then command: String) async throws {
        let output = try await simulate("points", loss, command)
        expectNoFailure(output)
        let points = try #require(output.last?.split(separator: " ").first.flatMap { Int($0) })
        #expect(points > 100)
        let fault =
            switch (loss, command) {
            case (_, "new"): "killed at an operation of a simulated run; then another run, and a power cut after it"
            case ("nothing", _): "killed at an operation of a simulated run"
            default: "a power cut at an operation of a simulated run: all that was not synced is lost"
            }
        survived(fault, times: points, oracle: Self.oracle)
    }

    /// Several processes each, cut off where the seed says.
    ///
    /// Hosts come and go in another order, answers are lost, file calls fail, time passes, and files
    /// lose part of what was not synced. `Simulation trace inventory.json SEED` repeats one.
    @Test func eachSeedIsSurvived() async throws {
        let count = Self.environment["RUNNER_TORTURE"] == nil ? 1_000 : 10_000
        let half = count / 2
        async let first = simulate(1...half)
        async let second = simulate(half + 1...count)
        let output = try await first + second
        expectNoFailure(output)
        #expect(output.count { $0.hasPrefix("seed ") } == count)
        survived("a simulated run that a seed cuts off, again and again", times: count, oracle: Self.oracle)
    }

    @Test func aSeedRepeatsWhatHappened() async throws {
        let first = try await simulate("seeds", "1", "25")
        // Each line has the digest of all that happened.
        #expect(first.count { $0.hasPrefix("seed ") } == 25)
        #expect(try await simulate("seeds", "1", "25") == first)
    }

    private func expectNoFailure(_ output: [String]) {
        let failures = output.filter { $0.hasPrefix("FAILED") }
        #expect(failures == [])
    }

    /// The lines of these seeds, from a process for every 500 of them: one keeps some memory of each.
    private func simulate(_ seeds: ClosedRange<Int>) async throws -> [String] {
        var lines: [String] = []
        for first in stride(from: seeds.lowerBound, through: seeds.upperBound, by: 500) {
            let last = min(first + 499, seeds.upperBound)
            lines += try await simulate("seeds", "\(first)", "\(last - first + 1)")
        }
        return lines
    }

    /// The lines that the program put out.
    private func simulate(_ arguments: String...) async throws -> [String] {
        let scratch = try Scratch()
        let inventory = "\(scratch.path)/inventory.json"
        try Shipped.inventoryText().write(toFile: inventory, atomically: false, encoding: .utf8)
        let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let finished = try await ChildProcess.run(
            folder.appending(path: "Simulation").path, [arguments[0], inventory] + arguments.dropFirst(),
            errors: .kept, within: .seconds(1200))
        let lines = finished.output.split(separator: "\n").map(String.init)
        #expect(
            [0, 1].contains(finished.status),
            "status \(finished.status) after \(lines.last ?? "no line"): \(finished.errors)")
        return lines
    }
}
