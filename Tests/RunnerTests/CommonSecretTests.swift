import Foundation
import Journal
import TestSupport
import Testing

/// The credentials are read before the first record of a run: the command line that it has is without
/// them, and what cannot be kept out of a record is refused.
@Suite(.timeLimit(.minutes(20))) struct CommonSecretTests {
    private static let redisPassword = "Rd7-hunter22-tQ"

    @Test(arguments: [
        ("1234", "is a number of fewer than 8 digits"), ("Postgres", "is a word that is common in ordinary output"),
        ("abc", "has fewer than 4 characters"), ("xyxyxyxyxy", "has fewer than 3 different characters"),
    ]) func aPasswordThatOrdinaryTextHasIsRefused(password: String, objection: String) async throws {
        let scratch = FileManager.default.temporaryDirectory
            .appending(path: "common-\(UUID().uuidString)-\(Self.redisPassword)")
        defer { do { try FileManager.default.removeItem(at: scratch) } catch { Issue.record("\(error)") } }
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        try writeCredentials(in: scratch, postgres: password, redis: Self.redisPassword)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: scratch.path)
        let inventory = try writeInventory(in: scratch)
        let state = scratch.appending(path: "state").path
        let ended = try await Program.runner.run(["run", "11", "--inventory", inventory, "--state-dir", state])
        #expect(ended.status == 65)
        #expect(ended.output.contains("keep the password of PostgreSQL's administrator out of the record"))
        #expect(ended.output.contains("it \(objection)"), "\(ended.output)")
        let recorded = try #require(try StateDirectory.reading(state).runs().first)
        let header = try #require(try recorded.header().content)
        #expect(header.runner.arguments.contains { $0.hasSuffix("-\(Redactor.mask)/inventory.json") })
        let bytes = try Data(contentsOf: URL(filePath: "\(recorded.path)/run.json"))
        #expect(!String(decoding: bytes, as: UTF8.self).contains(Self.redisPassword))
    }

    /// A `resume` begins with a record of its command line and its reason.
    @Test func whatAResumeIsGivenIsRecordedWithoutSecrets() async throws {
        let platform = try await SilentPlatform(limit: 1)
        let secret = SilentPlatform.redisPassword
        let begun = try platform.start(["run", "11"])
        #expect(await begun.wait() == 69)
        let run = try #require(try platform.state.newestRun())
        let resumed = try platform.start(["resume", run.id.description, "--reason", "the password is \(secret)"])
        #expect(await resumed.wait() == 69)
        let log = try String(contentsOfFile: "\(run.path)/audit.jsonl", encoding: .utf8)
        #expect(log.contains("the password is \(Redactor.mask)") && !log.contains(secret))
    }

    /// The shipped inventory with hosts that do not answer, should the run get so far.
    private func writeInventory(in scratch: URL) throws -> String {
        let file = scratch.appending(path: "inventory.json")
        try Shipped.writeInventory(to: file) { object in
            var hosts = try #require(object["hosts"] as? [[String: Any]])
            for index in hosts.indices {
                hosts[index]["address"] = "127.0.0.\(index + 2)"
                hosts[index]["port"] = 1
            }
            object["hosts"] = hosts
            object["cluster"] = [
                "nodeNetwork": "127.0.0.0/8", "podCIDR": "10.233.0.0/16", "serviceCIDR": "10.96.0.0/12",
            ]
            object["postgres"] = ["hosts": ["127.0.0.1"]]
            object["redis"] = ["host": "127.0.0.1"]
            object["credentials"] = ["directory": scratch.path]
        }
        return file.path
    }
}
