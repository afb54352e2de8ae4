import ClientKit
import Foundation
import Journal
import Testing

@testable import RunnerCommands

/// What `runner logs` shows of a command, and what only `--verbose` adds.
@Suite struct LogLinesTests {
    private static func command(purpose: String?) throws -> RecordedCommand {
        let purpose = purpose.map { "\"purpose\":\"\($0)\"," } ?? ""
        return try JSONDecoder().decode(
            RecordedCommand.self,
            from: Data(
                """
                {"sequence":7,"time":-978307200,"step":"s",
                 "start":{"host":"k8s-master-01","channel":"ssh","effect":"read",\(purpose)
                 "command":["sh","-c","for p in \\"$@\\"; do\\n command -v \\"$p\\"; done"]},
                 "end":{"start":7,"outcome":"exited","value":"0","duration_ms":12}}
                """.utf8))
    }

    @Test func aLineBeginsWithWhatTheCommandWasForAndHasNoScript() throws {
        let record = CommandRecord(try Self.command(purpose: "look for curl, flock"))
        let line = record.line(isVerbose: false)
        #expect(line.hasPrefix("look for curl, flock  k8s-master-01  s  read  exited 0  12 ms  1970-01-01"))
        #expect(!line.contains("command -v"))
        let verbose = record.line(isVerbose: true)
        #expect(verbose.hasPrefix(line))
        #expect(verbose.hasSuffix(#"sh -c for p in "$@"; do ⏎  command -v "$p"; done"#))
    }

    /// Records of earlier versions do not say what a command was for.
    @Test func withoutAPurposeTheProgramIsNamed() throws {
        let record = CommandRecord(try Self.command(purpose: nil))
        #expect(record.line(isVerbose: false).hasPrefix("run a script  k8s-master-01"))
        #expect(!record.line(isVerbose: false).contains("command -v"))
        #expect(record.line(isVerbose: true).contains("command -v"))
    }

    @Test func aTranscriptLeavesArgumentVectorsOutWhereItSaysWhatTheyAreFor() throws {
        let lines = ["#7 begin x", "#7 for look for curl", "#7 $ sh -c …", "#7 out| a", "#8 begin y", "#8 $ ls"]
            .compactMap { TranscriptLine(Array($0.utf8)[...]) }
        #expect(lines.count == 6)
        var filter = CommandFilter(isVerbose: false)
        #expect(lines.filter { filter.admits($0) }.map(\.text) == ["x", "look for curl", "a", "y", "ls"])
        filter = CommandFilter(isVerbose: true)
        #expect(lines.filter { filter.admits($0) }.count == 6)
    }
}
