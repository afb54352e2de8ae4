import ClientKit
import Foundation
import TestSupport
import Testing

/// Processes that change a database with SQL, killed around each commit; whoever goes on finds each
/// change there once, and knows it.
@Suite(.serialized, .timeLimit(.minutes(60))) struct KilledChangesTests {
    /// How many are killed in each scenario.
    private static let kills = isThorough ? 350 : 14
    /// The same for each scenario, so that one seed repeats them all.
    private static let numbers = SeededNumbers()

    @Test(arguments: DatabaseScenario.Kind.allCases)
    func aChangeThatIsCutOffIsThereOnceAndKnown(_ kind: DatabaseScenario.Kind) async throws {
        let scenario = try await DatabaseScenario(kind)
        let undisturbed = try await scenario.undisturbed()
        var numbers = Self.numbers
        var (round, committed, lost, met) = (0, 0, 0, 0)
        while committed + lost + met < Self.kills {
            round += 1
            let change = try #require(undisturbed.changes.randomElement(using: &numbers))
            // From just after the first of it was sent to after its end.
            let longest = [.microseconds(300), change.duration * 1.5].randomElement(using: &numbers) ?? .zero
            let delay = longest * Double.random(in: 0...1, using: &numbers)
            let words = "\(kind), round \(round): \(change.words) after \(delay)"
            try await scenario.begin()
            let first = try await scenario.run(as: 1, dyingAt: change.number, after: delay)
            #expect(first.error == nil, "\(words)")
            // It may have been done with everything before the moment came.
            guard first.wasKilled else { continue }
            if round.isMultiple(of: 4) {
                try await goOnAtOnce(scenario, undisturbed, words)
                met += 1
            } else if try await goOn(after: first, scenario, undisturbed, words) {
                committed += 1
            } else {
                lost += 1
            }
        }
        print("\(kind): \(committed) committed and known, \(lost) not committed, \(met) gone on with at once")
        // Only what takes several messages, as with a password or a database that is made, is lost once it has begun: the
        // server does what it has, whoever is gone, and all that a reset sends is in one message each.
        if isThorough { #expect(committed > 0 && (lost > 0 || kind == .reset)) }
        survived(
            "kill -9 after a change was sent to PostgreSQL, around its commit", times: committed + lost + met,
            oracle: "each change is there once, and the next process sends only those that are not there",
            seed: numbers.seed)
    }

    /// The next process begins once the server has ended the session of the killed one, so that it is
    /// certain what the kill has left; returns whether the change that was under way is there.
    private func goOn(
        after first: DatabaseScenario.Attempt, _ scenario: DatabaseScenario,
        _ undisturbed: DatabaseScenario.Undisturbed, _ words: String
    ) async throws -> Bool {
        try await scenario.awaitEndOfSessions()
        let found = try await scenario.state()
        let count = try #require(
            undisturbed.states.firstIndex { $0.text == found.text },
            "\(words): half of a change is there: \(found.text)")
        #expect([0, 1].contains(first.changes.count - count), "\(words)")
        let second = try await scenario.run(as: 2)
        #expect(second.error == nil, "\(words)")
        #expect(
            second.changes.map(\.words).sorted() == undisturbed.changes[count...].map(\.words).sorted(), "\(words)")
        let after = try await scenario.state()
        #expect(after.text == undisturbed.states.last?.text, "\(words)")
        #expect(found.identities.allSatisfy(after.identities.contains), "\(words): made twice")
        return count == first.changes.count
    }

    /// The server may still be at the statement of the killed process.
    private func goOnAtOnce(
        _ scenario: DatabaseScenario, _ undisturbed: DatabaseScenario.Undisturbed, _ words: String
    ) async throws {
        let second = try await scenario.run(as: 2)
        #expect(second.error == nil, "\(words)")
        try await scenario.awaitEndOfSessions()
        #expect(try await scenario.state().text == undisturbed.states.last?.text, "\(words)")
    }
}
