import Foundation
import Testing

@testable import SSH

@Suite struct ShellQuotingTests {
    /// A script file rather than `-c`, because what is tested is what `eval` makes of a line that `read` read.
    private func evaluate(_ word: [UInt8], shell program: String) async throws -> [UInt8] {
        let directory = FileManager.default.temporaryDirectory.appending(path: "quoting-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { removeFiles(at: directory) }
        let line = directory.appending(path: "line")
        try Data("printf %s ".utf8 + word + "\n".utf8).write(to: line)
        let script = #"_kb_nl=$(printf '\nx');_kb_nl=${_kb_nl%x};IFS= read -r c <"$1";eval "$c" >"$2""#
        let result = directory.appending(path: "result")
        let environment = ["LC_ALL": "C", "PATH": "/bin"]
        try await shell(program, ["-c", script, "sh", line.path, result.path], environment: environment)
        return [UInt8](try Data(contentsOf: result))
    }

    @Test(arguments: ["/bin/dash", "/bin/bash"]) func everyByteSurvives(_ program: String) async throws {
        let bytes = [UInt8](1...255)
        let word = try #require(ShellQuoting.quote(bytes))
        #expect(!word.contains(UInt8(ascii: "\n")))
        #expect(try await evaluate(word, shell: program) == bytes)
    }

    @Test(arguments: ["", "\n", "\n\n", "a\n", "'", "''\n'", #"\"#, "$(id)`id`", "* ? [a] ~ !", "-n", "é 日本 🚂"])
    func wordsSurvive(_ text: String) async throws {
        let word = try #require(ShellQuoting.quote(text.utf8))
        #expect(try await evaluate(word, shell: "/bin/dash") == Array(text.utf8))
    }

    @Test func refusesNUL() {
        #expect(ShellQuoting.quote([65, 0, 66]) == nil)
    }
}
