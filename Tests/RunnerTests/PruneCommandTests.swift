import Foundation
import Journal
import Testing

@testable import RunnerCommands

/// `runner audit prune`, with the operator's key.
@Suite(.timeLimit(.minutes(20))) struct PruneCommandTests {
    private let platform: SilentPlatform
    private let signers: String

    init() async throws {
        platform = try await SilentPlatform(limit: 1)
        signers = platform.folder.appending(path: "allowed_signers").path
        let key = try String(contentsOf: platform.folder.appending(path: "id.pub"), encoding: .utf8)
        try "operator \(key)".write(toFile: signers, atomically: true, encoding: .utf8)
    }

    private func prune(_ age: String, _ more: String...) async throws -> (output: String, status: Int32) {
        try await Program.runner.run(
            platform.words(for: ["audit", "prune", "--older-than", age] + more))
    }

    private func export(_ run: RunReader) async throws -> String {
        let file = platform.folder.appending(path: "\(run.id).tar.gz").path
        let done = try await platform.runner("audit", "export", "\(run.id)", "-o", file)
        #expect(done.status == 0 && done.output == "\(file)\n", "\(done.output)")
        return file
    }

    @Test func aPrunedRunIsListedAndItsTombstoneIsVerified() async throws {
        let (first, unexported) = (try await platform.makeRun(), try await platform.makeRun())
        let archive = try await export(first)
        _ = try await platform.makeRun()
        #expect(try await prune("400d") == ("no run ended longer ago\n", 0))
        let dry = try await prune("0d", "--dry-run")
        #expect(dry.status == 1 && dry.output.contains("would prune \(first.id)\n"), "\(dry.output)")
        #expect(try await platform.runner("audit", "show", "\(first.id)").status == 0)
        let pruned = try await prune("0d")
        #expect(pruned.status == 1, "\(pruned.output)")
        #expect(pruned.output.contains("pruned \(first.id): 2 records, "), "\(pruned.output)")
        #expect(pruned.output.contains("kept \(unexported.id): it was not exported: `runner audit export"))
        #expect(!FileManager.default.fileExists(atPath: first.path))
        let verified = try await platform.runner("audit", "verify")
        #expect(verified.status == 0 && verified.output.contains("\(first.id): pruned 20"), "\(verified.output)")
        let listed = try await platform.runner("audit", "list")
        #expect(listed.status == 0 && listed.output.hasPrefix("\(first.id)  module 11  succeeded  pruned 20"))
        #expect(try await platform.runner("audit", "list", "--format", "json").output.contains("\"tombstone\""))
        let shown = try await platform.runner("audit", "show", "\(first.id)")
        #expect(shown.status == 65 && shown.output.contains("pruned 20"), "\(shown.output)")
        // An auditor checks it with ssh-keygen alone.
        let tombstone = platform.state.path + "/tombstones/\(first.id).json"
        try await runTool(
            "/bin/sh",
            [
                "-c",
                "ssh-keygen -Y verify -f '\(signers)' -I operator -n keybuzz-runner -s '\(tombstone).sig' <'\(tombstone)'",
            ])
        let sum = try await capture(URL(filePath: "/usr/bin/sha256sum"), [archive]).output.prefix(64)
        #expect(try String(contentsOfFile: tombstone, encoding: .utf8).contains(sum))
    }

    @Test func aTombstoneThatSomebodyElseSignedIsNotAuthentic() async throws {
        let run = try await platform.makeRun()
        _ = try await export(run)
        _ = try await platform.makeRun()
        #expect(try await prune("0d").status == 0)
        let signature = platform.state.path + "/tombstones/\(run.id).json.sig"
        let words = { try await platform.runner("audit", "verify", "--allowed-signers", signers).output }
        #expect(try await !words().contains("tombstones/"))
        let other = platform.folder.appending(path: "other").path
        try await runTool("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other])
        try "operator \(String(contentsOfFile: "\(other).pub", encoding: .utf8))"
            .write(toFile: signers, atomically: true, encoding: .utf8)
        let unknown = try await words()
        #expect(unknown.contains("tombstones/\(run.id).json.sig: signer unknown"), "\(unknown)")
        try FileManager.default.removeItem(atPath: signature)
        let unsigned = try await platform.runner("audit", "verify")
        #expect(unsigned.status == 65 && unsigned.output.contains("unsigned: its signature was removed"))
    }

    @Test func nothingIsPrunedWithoutASignatureOrWhileARunHasTheModule() async throws {
        let run = try await platform.makeRun()
        _ = try await export(run)
        _ = try await platform.makeRun()
        let lock = try ModuleLock.acquire(module: "11", in: platform.state)
        let busy = try await prune("0d")
        #expect(busy.status == 75, "\(busy.output)")
        try lock.release()
        try FileManager.default.removeItem(at: platform.folder.appending(path: "id"))
        let unsigned = try await prune("0d")
        #expect(unsigned.status != 0 && FileManager.default.fileExists(atPath: run.path), "\(unsigned.output)")
        for age in ["", "d", "-1d", "400", "1.5d", "400w"] { #expect(try await prune(age).status == 64, "\(age)") }
    }
}
