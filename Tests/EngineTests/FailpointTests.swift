import ClientKit
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// Kills, stops and fails the engine at each of its failpoints, in a process of its own on a platform
/// of files; `resume` must then end with what an undisturbed run makes, each object made once.
@Suite(.serialized, .timeLimit(.minutes(30))) struct FailpointTests {
    /// `make torture` hits each of them each time that it is reached; otherwise the first time.
    @Test(arguments: FailpointSite.Scenario.allCases)
    func eachIsSurvived(_ scenario: FailpointSite.Scenario) throws {
        let reached = try #require(try Self.places.get()[scenario])
        let chosen = isThorough ? reached : try reached.filter { try Self.isNew($0, in: scenario) }
        for place in chosen {
            for action in ["kill", "pause", "error"] {
                let site = try FailpointSite(scenario)
                try site.go(to: place, action)
                try site.finish("\(scenario): \(place):\(action)")
            }
        }
        for fault in ["killed", "stopped and continued", "failed by an error"] {
            survived(
                "\(fault) at a failpoint of the engine or the journal", times: chosen.count,
                oracle: "resumed, each object is made once, and the record is intact")
        }
    }

    /// A place that no scenario reaches would never be tried.
    @Test func theScenariosReachEachFailpointOfTheSources() throws {
        var names = try ["Engine", "Journal"].flatMap(Shipped.failpoints)
        // No run prunes: `CommandFailpointTests` reaches these.
        names.removeAll { $0.hasPrefix("prune.") }
        #expect(Set(names).count == names.count, "each has a name of its own")
        #expect(names.count >= 41)
        var reached: Set<String> = []
        for scenario in FailpointSite.Scenario.allCases {
            let places = try Self.places.get()[scenario] ?? []
            reached.formUnion(places.map { String($0.prefix { $0 != ":" }) })
        }
        #expect(Set(names) == reached)
        print("\(names.count) failpoints")
    }

    /// What each scenario reaches.
    private static let places = Result {
        var places: [FailpointSite.Scenario: [String]] = [:]
        for scenario in FailpointSite.Scenario.allCases { places[scenario] = try reached(in: scenario) }
        return places
    }

    /// `NAME:NUMBER` of every place that the undisturbed scenario reaches, in order.
    private static func reached(in scenario: FailpointSite.Scenario) throws -> [String] {
        let site = try FailpointSite(scenario)
        let log = "\(site.scratch.path)/failpoints"
        try Data().write(to: URL(filePath: log))
        try site.go(["RUNNER_FAILPOINT_LOG": log])
        return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
            .map { String($0).replacing(" ", with: ":") }
    }

    /// Whether the place is the first of its name in the first scenario that reaches it.
    private static func isNew(_ place: String, in scenario: FailpointSite.Scenario) throws -> Bool {
        guard place.hasSuffix(":1") else { return false }
        for earlier in FailpointSite.Scenario.allCases {
            if earlier == scenario { return true }
            if try places.get()[earlier]?.contains(place) == true { return false }
        }
        return true
    }
}
