import Foundation
import TestSupport
import Testing

extension RehearsalTests {
    /// Where a run is stopped, by the name of the place in the sources.
    enum StoppedMoment: String, CaseIterable {
        case check = "step.check"
        case apply = "step.apply"
        case change = "change.recorded"
        case verify = "step.applied"
        case checkpoint = "step.verified"

        /// The how many-th time it is reached: after the lease was taken, and before everything is done.
        var numbers: ClosedRange<Int> {
            let first = self == .change ? 6 : 2
            return Lab.isThorough ? first...first + 3 : first + 1...first + 1
        }
    }

    /// Stopped inside a step, as by a closed laptop, for longer than its lease lasts; another operator
    /// installs the module meanwhile.
    @Test(arguments: Lab.chosen(StoppedMoment.allCases))
    func aRunThatWasStoppedLongerThanItsLeaseLastsChangesNothingMore(_ moment: StoppedMoment) async throws {
        for number in moment.numbers { try await stop(at: "\(moment.rawValue):\(number)") }
        survived(
            "stopped in a step's \(moment) for longer than the lease lasts, while another operator installs, and continued",
            times: moment.numbers.count,
            oracle:
                "nothing is changed after the term, and the run ends with 75; resumed; ends with the objects and the database "
                + "of an undisturbed run, the same secrets, migrated once, an intact record, no secret in a file")
    }

    /// What is in the cluster, in the databases, in Redis and on the nodes.
    private static func everything() async throws -> [String] {
        let versions = try await Platform.resourceVersions().map { "\($0.key) \($0.value)" }.sorted()
        return versions + (try await Platform.outsideTheCluster()) + (try await Platform.databaseLines())
    }

    private func stop(at place: String) async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let stopped = try Lab.start("run", "11", environment: ["RUNNER_FAILPOINT": "\(place):pause"])
        try await eventually("it stops at \(place)") {
            try stopped.isStopped
        }
        let known = try Platform.auditLines().count
        try await Task.sleep(for: .seconds(61))
        let other = try await Lab.runner("run", "11", "--state-dir", "\(Lab.home)/other-state")
        #expect(other.status == 0, "\(other.error)")
        #expect(other.error.contains("taken over"), "\(other.error)")
        let (installed, secrets) = (try await Self.everything(), try await Platform.presentSecrets())

        stopped.send(SIGCONT)
        let end = try await stopped.wait(atMost: .seconds(120))
        #expect(end.status == 75, "\(place): \(end.status): \(end.error)")
        let changed = try await Self.everything().difference(from: installed)
        #expect(changed.isEmpty, "\(place): \(changed)")
        // What it sent after that are attempts at the lease, which the API server refuses.
        for command in try Self.changes(after: known) {
            #expect(command.contains("Lease"), "\(command)")
        }
        let resumed = try await Lab.runner("resume")
        #expect(resumed.status == 0, "\(place): \(resumed.error)")
        try await Platform.expectRecovered(as: undisturbed, "\(place): \(resumed.error)")
        try await Platform.expectKept(secrets, place)
    }

    /// Its term goes on by its own clock, but an operator elsewhere took it for dead, broke its lock, and has installed the
    /// module: the hosts know the later run, whatever the clock says.
    @Test(arguments: ["step.apply:2", "step.apply:4", "change.recorded:14", "change.recorded:24"])
    func aLivingRunWhoseLockWasBrokenChangesNothingMore(_ place: String) async throws {
        try await Lab.reset()
        let stopped = try Lab.start("run", "11", environment: ["RUNNER_FAILPOINT": "\(place):pause"])
        try await eventually("it stops at \(place)") { try stopped.isStopped }
        let run = URL(filePath: try Platform.newestRun()).lastPathComponent
        let known = try Platform.auditLines().count
        let elsewhere = "\(Lab.home)/other-state"
        let unlocked = try await Lab.runner("unlock", run, "--state-dir", elsewhere)
        #expect(unlocked.status == 0, "\(unlocked.error)")
        let other = try await Lab.runner("run", "11", "--state-dir", elsewhere)
        #expect(other.status == 0, "\(other.error)")
        let (installed, secrets) = (try await Self.everything(), try await Platform.presentSecrets())

        stopped.send(SIGCONT)
        let end = try await stopped.wait(atMost: .seconds(120))
        #expect(end.status == 75, "\(place): \(end.status): \(end.error)")
        let changed = try await Self.everything().difference(from: installed)
        #expect(changed.isEmpty, "\(place): \(changed)")
        try await Platform.expectKept(secrets, place)
        for command in try Self.changes(after: known) { #expect(command.contains("Lease"), "\(place): \(command)") }
        survived(
            "stopped for less than the lease lasts, while another operator breaks its lock and installs, and continued",
            times: 1, oracle: "nothing more is changed, and the run ends with 75")
    }

    /// What the newest run has sent that may change something, of what its log tells after the first `known` lines.
    ///
    /// What was recorded beside the one that stopped, and was then refused because the term was over, was not sent.
    static func changes(after known: Int) throws -> [String] {
        let lines = try Platform.auditLines()
        let refused = lines.compactMap { entry -> Int? in
            guard let end = entry["end"] as? [String: Any],
                ["lease expired", "late", "stale", "fenced"].contains(end["value"] as? String)
            else { return nil }
            return end["start"] as? Int
        }
        return lines.dropFirst(known).compactMap { entry in
            guard let command = entry["command"] as? [String: Any], command["effect"] as? String == "change",
                let number = entry["seq"] as? Int, !refused.contains(number)
            else { return nil }
            return "\(command["purpose"] ?? "") \(command["command"] ?? "")"
        }
    }
}
