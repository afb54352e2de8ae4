import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

@testable import Journal
@testable import RunnerCommands

@Suite(.timeLimit(.minutes(20))) struct ExportTests {
    private static let shells = Exported.shells

    @Test(arguments: shells) func verifyAcceptsAnUntouchedRun(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        let plain = try await exported.verify()
        #expect(plain.status == 0 && plain.output.contains("intact, complete"), "\(plain.output)")
        let full = try await exported.verify(allowed: signed.allowed)
        #expect(full.status == 0 && full.output.contains("signed by operator"), "\(full.output)")
        #expect(try exported.files == RunTree(signed.run.path).files.sorted())
    }

    @Test(arguments: shells) func verifyNamesTheFirstBadLineOrFile(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        let newline = UInt8(ascii: "\n")
        for name in try exported.files {
            let path = "\(exported.folder)/run/\(name)"
            let bytes = try #require(try Disk.read(path))
            try FileManager.default.removeItem(atPath: path)
            let removed = try await exported.verify()
            #expect(
                removed.status == 1 && removed.output.contains("run/\(name): it was removed"),
                "\(name): \(removed.output)")
            for index in [0, bytes.count / 2, bytes.count - 2] {
                var changed = bytes
                changed[index] ^= 1
                try Data(changed).write(to: URL(filePath: path))
                let edited = try await exported.verify()
                let line = bytes.prefix(index).count { $0 == newline } + 1
                let place =
                    switch name {
                    case "audit.jsonl": "run/audit.jsonl, line \(line):"
                    default: "run/\(name):"
                    }
                #expect(edited.status == 1 && edited.output.contains(place), "\(name), byte \(index): \(edited.output)")
            }
            try Data(bytes).write(to: URL(filePath: path))
        }
        for name in ["notes.txt", ".hidden", "steps/x.log", "evidence/a/b/c/d.txt"] {
            let path = "\(exported.folder)/run/\(name)"
            try FileManager.default.createDirectory(
                atPath: Disk.split(path).folder, withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: path))
            let foreign = try await exported.verify()
            #expect(foreign.status == 1 && foreign.output.contains("run/\(name): it is foreign"), "\(foreign.output)")
            let folder = "\(exported.folder)/run/evidence/a"
            try FileManager.default.removeItem(atPath: path.hasPrefix(folder) ? folder : path)
        }
        #expect(try await exported.verify(allowed: signed.allowed).status == 0)
    }

    @Test(arguments: shells) func verifyTellsMovedLinesAndSignaturesApart(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        let log = "\(exported.folder)/run/audit.jsonl"
        let lines = try #require(try Disk.read(log)).split(separator: UInt8(ascii: "\n")).map(Array.init)
        func write(_ lines: [[UInt8]]) throws {
            try Data(lines.flatMap { $0 + [UInt8(ascii: "\n")] }).write(to: URL(filePath: log))
        }
        for index in [0, 5, lines.count - 2] {
            var (swapped, shortened) = (lines, lines)
            swapped.swapAt(index, index + 1)
            shortened.remove(at: index)
            for changed in [swapped, shortened] {
                try write(changed)
                let said = try await exported.verify().output
                #expect(said.contains("run/audit.jsonl, line \(index + 1): a line was removed"))
            }
        }
        // Cut after the last but one step: what is left has no announcement.
        try write(Array(lines[..<5]))
        #expect(try await exported.verify().output.contains("it is foreign"))
        try write(lines)
        let strangers = "\(signed.path)/strangers"
        try "operator \(signed.publicKey("stranger"))".write(toFile: strangers, atomically: true, encoding: .utf8)
        let unknown = try await exported.verify(allowed: strangers)
        #expect(
            unknown.status == 1 && unknown.output.contains("authenticity:") && unknown.output.contains("signer unknown")
        )
        try await signed.addRun(signer: nil)
        let unsigned = try await Exported(signed, shell: shell).verify(allowed: signed.allowed)
        #expect(
            unsigned.status == 1 && unsigned.output.contains("line 1: unsigned from here to line"), "\(unsigned.output)"
        )
        #expect(try await Exported(signed, shell: shell).verify().status == 0)
    }

    /// What somebody with the disk but not the key rewrites, verify.sh finds by the signature.
    @Test func verifyFindsARewrittenRecordByTheSignature() async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        for way in ForgedChain.Way.allCases {
            try await forger.forge(record: 4, way) { $0.replacing("\"elapsed_ms\":", with: "\"elapsed_ms\":9") }
            let answer = try await Exported(signed, shell: Self.shells[0]).verify(allowed: signed.allowed)
            #expect(answer.status == 1 && answer.output.contains("authenticity:"), "\(way): \(answer.output)")
            try forger.restore()
        }
    }

    @Test(arguments: shells) func nothingFromTheRecordReachesTheTerminalAsItIs(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        let hostile = "x\u{1B}]0;owned\u{07}\u{9B}31m\u{202E}\u{7F}y"
        try Data().write(to: URL(filePath: "\(exported.folder)/run/\(hostile)"))
        let header = "\(exported.folder)/run/run.json"
        let text = try String(contentsOfFile: header, encoding: .utf8)
        try text.replacing(
            "\(signed.run.id)",
            with: "\\u001b[2J\(hostile.replacing("\u{1B}", with: "\\u001b").replacing("\u{07}", with: ""))"
        )
        .write(toFile: header, atomically: true, encoding: .utf8)
        for _ in 0..<2 {
            let answer = try await exported.verify()
            #expect(answer.status == 1)
            #expect(
                answer.output.utf8.allSatisfy { $0 == 10 || (0x20..<0x7F).contains($0) }, "\(Array(answer.output.utf8))"
            )
            try text.write(toFile: header, atomically: true, encoding: .utf8)
        }
    }

    @Test func theSameRunGivesTheSameBytes() async throws {
        let signed = try await SignedRun()
        let archive = RunArchive(run: signed.run)
        try archive.write(to: "\(signed.path)/one.tar.gz")
        try await runTool("/usr/bin/touch", ["\(signed.run.path)/run.json"])
        try archive.write(to: "\(signed.path)/two.tar.gz")
        let one = try Data(contentsOf: URL(filePath: "\(signed.path)/one.tar.gz"))
        #expect(try one == Data(contentsOf: URL(filePath: "\(signed.path)/two.tar.gz")))
        #expect(throws: (any Error).self) { try archive.write(to: "/none/x.tar.gz") }
    }

    /// Killed at any moment, an export leaves no files in the temporary folder, and beside its output only what the next
    /// one removes.
    @Test func aKilledExportLeavesNothingBehind() async throws {
        let signed = try await SignedRun()
        let large = "\(signed.run.path)/evidence/large"
        try Data((0..<(6 << 20)).map { _ in UInt8.random(in: 0...255) }).write(to: URL(filePath: large))
        let (output, temporary) = ("\(signed.path)/output", "\(signed.path)/temporary")
        for folder in [output, temporary] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        }
        var (attempts, cutOff) = (0, 0)
        // On a busy machine many have ended before the kill comes.
        while cutOff < 8, attempts < 100 {
            attempts += 1
            let delay = 20 * (attempts % 20)
            let export = try ChildProcess(
                Program.runner.file.path,
                ["audit", "export", "\(signed.run.id)", "-o", "\(output)/run.tar.gz"]
                    + ["--state-dir", signed.state.path],
                environment: ["TMPDIR": temporary, "PATH": "/usr/bin:/bin"])
            try await Task.sleep(for: .milliseconds(delay))
            if export.end(SIGKILL) == 128 + SIGKILL { cutOff += 1 }
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [], "after \(delay) ms")
        }
        #expect(cutOff > 3)
        // tar and gzip end by themselves, and have the draft locked until then.
        try await eventually("the last draft is removed") {
            try RunArchive(run: signed.run).write(to: "\(output)/run.tar.gz")
            return try FileManager.default.contentsOfDirectory(atPath: output) == ["run.tar.gz"]
        }
    }

    @Test func aFullDiskIsTheReasonThatAnExportGives() async throws {
        let signed = try await SignedRun()
        let said = try await capture(
            URL(filePath: "/bin/sh"),
            [
                "-c", "ulimit -f 8; exec \"$@\"", "sh", Program.runner.file.path, "audit", "export", "\(signed.run.id)",
                "-o",
                "\(signed.path)/full.tar.gz", "--state-dir", signed.state.path,
            ])
        #expect(said.status == 1, "\(said)")
        #expect(said.output.contains("gzip"), "\(said)")
        #expect(access("\(signed.path)/full.tar.gz", F_OK) != 0)
    }
}
