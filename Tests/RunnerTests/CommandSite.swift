import ClientKit
import DataServers
import Foundation
import Journal
import StepKit
import Steps
import TestSupport
import Testing

@testable import RunnerCommands

/// A command that is no run, and all that it needs.
final class CommandSite {
    enum Scenario: CaseIterable, Sendable {
        /// Secrets that are generated, and the file of those of which the cluster has none any more.
        case secrets, kept
        case unlock, prune
    }

    private let scenario: Scenario
    private let platform: SilentPlatform
    /// Where the cluster's Lease is.
    private let masters: PlayedMasters?
    private var file: String { platform.folder.appending(path: "chatwoot.env").path }
    private var secret: String { platform.folder.appending(path: "secret.json").path }
    private var runs: String { "\(platform.state.path)/runs" }
    private static let holder = "20261124T120000Z-11-3f9a"

    init(_ scenario: Scenario) async throws {
        self.scenario = scenario
        platform = try await SilentPlatform(limit: 1)
        masters = scenario == .unlock ? try PlayedMasters() : nil
        switch scenario {
        case .secrets: break
        case .kept:
            try #require(try await go([:]).status == 0)
            try FileManager.default.removeItem(atPath: secret)
        case .unlock: try await takeLease()
        case .prune:
            let run = try await platform.makeRun().id
            let archive = platform.folder.appending(path: "archive.tar.gz").path
            try #require(try await platform.runner("audit", "export", "\(run)", "-o", archive).status == 0)
            _ = try await platform.makeRun()
        }
    }

    /// The places that the undisturbed command reaches.
    func reached() async throws -> Set<String> {
        let log = platform.folder.appending(path: "failpoints").path
        let ended = try await go(["RUNNER_FAILPOINT_LOG": log])
        #expect(ended.status == 0, "\(ended.output)")
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        return Set(lines.map { String($0.prefix { $0 != " " }) })
    }

    /// Does what the scenario is about.
    func go(_ more: [String: String]) async throws -> (output: String, status: Int32) {
        let environment = ProcessInfo.processInfo.environment.merging(more) { $1 }
        return switch scenario {
        case .secrets, .kept:
            try await Program.engineCrash.run(
                ["secrets", platform.folder.path, secret, platform.inventory], environment: environment)
        case .unlock:
            try await Program.runner.run(platform.words(for: ["unlock", Self.holder]), environment: environment)
        case .prune:
            try await Program.runner.run(
                platform.words(for: ["audit", "prune", "--older-than", "0d"]), environment: environment)
        }
    }

    /// Unlocks, and cannot print that it has.
    func goIntoAFullDevice() async throws -> (output: String, status: Int32) {
        let words = [Program.runner.file.path] + platform.words(for: ["unlock", Self.holder])
        return try await capture(URL(filePath: "/bin/sh"), ["-c", #"exec "$@" > /dev/full"#, "sh"] + words)
    }

    /// Repeats the command, and judges what is there then.
    func finish(_ place: String) async throws {
        let before = try? String(contentsOfFile: file, encoding: .utf8)
        let verified = try await platform.runner("audit", "verify")
        if scenario == .unlock || scenario == .prune { #expect(verified.status == 0, "\(place): \(verified.output)") }
        let again = try await go([:])
        switch scenario {
        case .secrets, .kept:
            #expect(again.status == 0, "\(place): \(again.output)")
            try await expectKept(before, place)
        case .unlock:
            let isDone = again.status == 65 && again.output.contains("nobody holds its lock")
            #expect(again.status == 0 || isDone, "\(place): \(again.output)")
            #expect(try leaseHolder() == nil, "\(place)")
            let steps = StepNames(always: Set(module11.steps.map(\.id.rawValue)))
            let unfinished = try platform.state.newestUnfinishedRun(module: "11", steps: steps)
            #expect(unfinished == nil, "\(place): an unlocking is nothing to resume")
        case .prune:
            #expect(again.status == 0, "\(place): \(again.output)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: runs).count == 1, "\(place)")
        }
        guard scenario == .unlock || scenario == .prune else { return }
        let last = try await platform.runner("audit", "verify", "--all")
        #expect(last.status == 0, "\(place): \(last.output)")
        if scenario == .prune { #expect(last.output.contains("pruned 20"), "\(place): \(last.output)") }
    }

    /// The file has what it had, and what the cluster's Secret has.
    private func expectKept(_ before: String?, _ place: String) async throws {
        let after = try String(contentsOfFile: file, encoding: .utf8)
        #expect(before == nil || before == after, "\(place): made again")
        let entries = try JSONDecoder().decode(
            [String: String].self, from: Data(contentsOf: URL(filePath: secret)))
        #expect(entries.count == 2 && entries.values.allSatisfy(after.contains), "\(place)")
        #expect(try await go([:]).status == 0, "\(place)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == after, "\(place)")
        let names = try FileManager.default.contentsOfDirectory(atPath: platform.folder.path)
        #expect(names.filter { $0.hasSuffix(".tmp") } == [], "\(place)")
    }

    /// Who has the Lease.
    private func leaseHolder() throws -> String? {
        guard let masters else { return nil }
        let lease = try JSONSerialization.jsonObject(with: Data(masters.lease.utf8)) as? [String: Any]
        let holder = try #require(lease?["spec"] as? [String: Any])["holderIdentity"] as? String
        return holder == "" ? nil : holder
    }

    /// A run that is gone has the Lease, and the inventory's hosts are all the masters' server.
    private func takeLease() async throws {
        guard let masters else { return }
        let (site, _) = try await masters.sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: Self.holder, step: nil)
        await site.close()
        let known = platform.folder.appending(path: "known_hosts")
        let (key, port, hostKey) = (masters.sshd.userKey, Int(masters.sshd.port), try masters.sshd.hostKey())
        let inventory = URL(filePath: platform.inventory)
        let text = try JSONSerialization.jsonObject(with: Data(contentsOf: inventory))
        var object = try #require(text as? [String: Any])
        var hosts = try #require(object["hosts"] as? [[String: Any]])
        var lines = ""
        for index in hosts.indices {
            hosts[index]["port"] = port
            lines += "[127.0.0.\(index + 2)]:\(port) \(hostKey)\n"
        }
        try Data(lines.utf8).write(to: known)
        object["hosts"] = hosts
        object["ssh"] = ["user": "root", "key": key, "knownHosts": [known.path]] as [String: Any]
        object["limits"] = nil
        try JSONSerialization.data(withJSONObject: object).write(to: inventory)
    }
}
