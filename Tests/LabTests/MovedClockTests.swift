import Foundation
import TestSupport
import Testing

/// The operator's wall clock is set an hour forth and back while a run works.
extension RehearsalTests {
    private static let hour: Int64 = 3600

    @Test func aWallClockThatIsSetDuringARunChangesNothing() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let began = Date()
        let watch = try LeaseWatch()
        let clock = try MovedClock(wrongBy: Self.hour)
        var moves = 0
        func move(to seconds: Int64) throws {
            try clock.move(to: seconds)
            moves += 1
        }

        // Each step begins with the clock an hour ahead or behind, and ends the other way round.
        let first = try Lab.start("run", "11", environment: clock.environment)
        for (number, step) in Self.steps.prefix(5).enumerated() {
            try await eventually("\(step) begins") { try Platform.hasBegun(step) }
            try move(to: number.isMultiple(of: 2) ? -Self.hour : Self.hour)
        }
        #expect(try Self.ownTime() > began + 3000, "the run has the wrong clock")
        // By a clock that is an hour ahead the lease has expired. The run waits, not to be through before that.
        first.send(SIGSTOP)
        let other = try await OtherMachine().runner(
            "run", "11", environment: MovedClock(wrongBy: Self.hour).environment)
        #expect(other.status == 75, "\(other.error)")
        first.send(SIGCONT)
        try await eventually("the Deployments are made") { try Platform.hasBegun("11_ct_02_deploy_chatwoot") }
        first.send(SIGKILL)
        #expect(try await first.wait(atMost: .seconds(30)).status == 128 + SIGKILL)
        let run = URL(filePath: try Platform.newestRun()).lastPathComponent
        let secrets = try await Platform.generatedSecrets()

        // An hour before it was begun, and then after.
        let known = try Platform.auditLines().count
        try move(to: -Self.hour)
        let second = try Lab.start("resume", environment: clock.environment)
        try await eventually("it goes on") { try Platform.hasBegun("11_ct_02_deploy_chatwoot", after: known) }
        try move(to: Self.hour)
        let resumed = try await second.wait()
        #expect(resumed.status == 0, "\(resumed.error)")
        let difference = try await Platform.difference(from: undisturbed)
        #expect(difference.isEmpty, "\(difference)")
        #expect(try await Platform.generatedSecrets() == secrets)
        let migrations = try await Platform.migrations()
        #expect(migrations.count == 1 && migrations.values.first == [1, 0], "\(migrations)")

        // A later run has a later id, also where its clock says that it is earlier.
        try move(to: -Self.hour)
        let again = try await Lab.runner("run", "11", environment: clock.environment)
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")
        let next = URL(filePath: try Platform.newestRun()).lastPathComponent
        #expect(again.error.contains("run \(next) ") && next > run, "\(again.error)")
        let verified = try await Lab.runner("audit", "verify")
        #expect(verified.status == 0, "\(verified.output)")
        for time in try await watch.end() {
            #expect(time > began - 2 && time < Date() + 10, "the lease was dated by the operator's clock")
        }
        survived(
            "the operator's wall clock set an hour forth or back during a run on the rehearsal cluster", times: moves,
            oracle: "the run, killed and resumed, ends as an undisturbed one; the lease keeps the API server's time "
                + "and is not taken from it; ids ascend")
    }

    private static let steps = [
        "fix_ufw_k8s_nodes", "11_ct_00_setup_credentials", "11_ct_01_prepare_config", "add_imagepullsecrets",
        "11_ct_04_run_migrations",
    ]

    /// When the newest run began, by its own clock.
    private static func ownTime() throws -> Date {
        let header = try Data(contentsOf: URL(filePath: "\(Platform.newestRun())/run.json"))
        let fields = try JSONSerialization.jsonObject(with: header) as? [String: Any]
        let started = try #require(fields?["started"] as? String)
        return try Date("\(started.prefix(19))Z", strategy: .iso8601)
    }
}

/// Every version of the lease that there is in the meantime, as the API server tells those who watch.
private struct LeaseWatch {
    private static let host = "k8s-master-01"
    private let watching: Command.Running

    init() throws {
        let watch =
            "echo $$ >/tmp/lease-watch; exec kubectl -n default get leases --watch --request-timeout=300s "
            + #"-o 'jsonpath={.spec.renewTime}{"\n"}'"#
        watching = try Command([Lab.command, "shell", Self.host, "sh", "-c", watch]).start()
    }

    /// When the lease was renewed, by its own account.
    func end() async throws -> [Date] {
        try await Lab.call("shell", Self.host, "sh", "-c", "kill -KILL $(cat /tmp/lease-watch)")
        let output = try await watching.wait(atMost: .seconds(30)).output
        let times = try output.split(separator: "\n").map { line in
            try Date("\(line.prefix(19))Z", strategy: .iso8601)
        }
        try #require(times.count > 4, "\(output)")
        return times
    }
}
