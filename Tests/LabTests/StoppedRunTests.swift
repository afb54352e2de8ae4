import Foundation
import Testing

extension RehearsalTests {
    /// Stopped inside a step, as by a closed laptop, for longer than its lease lasts; another operator
    /// installs the module meanwhile.
    @Test func aRunThatWasStoppedLongerThanItsLeaseLastsChangesNothingMore() async throws {
        try await Lab.reset()
        let stopped = try Lab.start("run", "11")
        try await eventually("a step that changes the cluster begins") {
            try Platform.hasBegun("11_ct_01_prepare_config")
        }
        stopped.send(SIGSTOP)
        let sent = try Self.changes()
        try await Task.sleep(for: .seconds(61))
        let other = try await Lab.runner("run", "11", "--state-dir", "\(Lab.home)/other-state")
        #expect(other.status == 0, "\(other.error)")
        #expect(other.error.contains("taken over"), "\(other.error)")
        let installed = try await Platform.resourceVersions()

        stopped.send(SIGCONT)
        let end = try await stopped.wait(atMost: .seconds(120))
        #expect(end.status == 75, "\(end.status): \(end.error)")
        #expect(try await Platform.resourceVersions() == installed)
        // What it sent after that are attempts at the lease, which the API server refuses.
        for command in try Self.changes().dropFirst(sent.count) {
            #expect(command.contains("Lease"), "\(command)")
        }
    }

    /// What the newest run has sent that may change something.
    private static func changes() throws -> [String] {
        try Platform.auditLines().compactMap { entry in
            guard let command = entry["command"] as? [String: Any], command["effect"] as? String == "change"
            else { return nil }
            return "\(command["purpose"] ?? "") \(command["command"] ?? "")"
        }
    }
}
