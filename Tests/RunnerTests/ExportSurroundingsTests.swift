import Foundation
import Glibc
import Testing

@testable import Journal
@testable import RunnerCommands

/// Where and how verify.sh is run makes no wrong record right, and no right one wrong.
@Suite(.timeLimit(.minutes(20))) struct ExportSurroundingsTests {
    /// Without names being filled in no foreign file was seen, and no signature.
    @Test(arguments: Exported.shells) func aShellThatFillsInNoNamesSeesForeignFiles(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        let arguments = ["-f", "\(exported.folder)/verify.sh"]
        #expect(try await run(exported, arguments + [signed.allowed]).status == 0)
        try Data("evil".utf8).write(to: URL(filePath: exported.file("approved.txt")))
        let answer = try await run(exported, arguments)
        #expect(answer.status == 1 && answer.output.contains("run/approved.txt: it is foreign"), "\(answer)")
    }

    /// What jq reads at its start could define anything anew.
    @Test func definitionsOfTheAuditorsOwnAreNotRead() async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: Exported.shells[0])
        for text in ["a mistake {", "def map(f): [1]; def tostring: \"1\";"] {
            try text.write(toFile: "\(signed.path)/.jq", atomically: true, encoding: .utf8)
            let answer = try await exported.verify([signed.allowed], environment: ["HOME": signed.path])
            #expect(answer.status == 0, "\(text): \(answer.output)")
        }
    }

    /// It was called edited, removed, or unsigned.
    @Test(arguments: ["run.json", "audit.jsonl", "outcome.json", "steps", "signatures"])
    func whatCannotBeReadIsNotAccused(name: String) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: Exported.shells[0])
        try await runTool("/bin/chmod", ["-R", "go+rX", signed.path])
        try await runTool("/bin/chmod", [name.contains(".") ? "600" : "711", exported.file(name)])
        let script = "\(exported.folder)/verify.sh"
        // Root may read everything.
        let (program, before) =
            geteuid() == 0
            ? ("/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "\(exported.tools)/sh"])
            : ("\(exported.tools)/sh", [])
        if geteuid() != 0 { try await runTool("/bin/chmod", ["0", exported.file(name)]) }
        let answer = try await capture(
            URL(filePath: program), before + [script, signed.allowed], environment: ["PATH": exported.tools])
        try await runTool("/bin/chmod", ["700", exported.file(name)])
        #expect(answer.status == 2 && answer.output.contains("run/\(name) cannot be"), "\(answer)")
    }

    @Test func aPipeInThePlaceOfAFileIsNotWaitedFor() async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: Exported.shells[0])
        let link = try #require(try exported.files.last { $0.hasSuffix(".link") && $0.contains("-run.") })
        try FileManager.default.removeItem(atPath: exported.file(link))
        try #require(mkfifo(exported.file(link), 0o600) == 0)
        let arguments = ["300", "\(exported.tools)/sh", "\(exported.folder)/verify.sh", signed.allowed]
        let answer = try await capture(
            URL(filePath: "/usr/bin/timeout"), arguments, environment: ["PATH": exported.tools])
        #expect(answer.status == 1 && answer.output.contains("run/\(link): it was removed"), "\(answer)")
    }

    /// A pipe, as `<(…)` is one, can be read only once.
    @Test func allowedSignersAreAPlainFile() async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: Exported.shells[0])
        let pipe = "\(signed.path)/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        for place in [pipe, signed.path] {
            let answer = try await exported.verify(allowed: place)
            #expect(answer.status == 2 && answer.output.contains("no plain file"), "\(answer)")
        }
    }

    /// It was said that a signature does not match.
    @Test(arguments: [
        ("ssh-keygen", "echo 'unknown option -- Y' >&2; exit 1"), ("ssh-keygen", "exit 0"), ("sha256sum", "exit 1"),
        ("jq", "exit 3"), ("jq", "exit 0"),
    ]) func aProgramThatDoesNotWorkIsNamed(program: String, script: String) async throws {
        let signed = try await SignedRun()
        // That of busybox has a sha256sum of its own.
        let exported = try await Exported(signed, shell: Exported.shells[0])
        let path = "\(exported.tools)/\(program)"
        try FileManager.default.removeItem(atPath: path)
        let write = "printf '#!/bin/sh\\n%s\\n' \"$0\" > \"$1\"; chmod 755 \"$1\""
        try await runTool("/bin/sh", ["-c", write, script, path])
        let answer = try await exported.verify(allowed: signed.allowed)
        #expect(answer.status == 2 && answer.output.contains("\(program) does not work"), "\(answer)")
    }

    private func run(_ exported: Exported, _ arguments: [String]) async throws -> (output: String, status: Int32) {
        try await capture(URL(filePath: "\(exported.tools)/sh"), arguments, environment: ["PATH": exported.tools])
    }
}
