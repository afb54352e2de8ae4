import Foundation
import Testing

@testable import Journal
@testable import RunnerCommands

/// A run that an earlier version signed, whose statements have format 1.
@Suite struct SignedExampleTests {
    @Test func itStaysAuthentic() async throws {
        let fixture = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let path = NSTemporaryDirectory() + "signed-example-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: fixture.appending(path: "statement-1").path, toPath: path)
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: "\(path)/state")
        let state = try StateDirectory.prepare("\(path)/state")
        let judge = try await AllowedSignersJudge(path: "\(path)/allowed_signers")
        let run = try #require(try state.runs().first)
        let report = try AuditVerifier(state).verify(run, signatures: judge)
        #expect(report.holds && report.lines == 31, "\(report)")
    }
}
