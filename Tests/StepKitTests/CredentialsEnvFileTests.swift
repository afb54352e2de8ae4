import ClientKit
import Testing

@testable import StepKit

@Suite struct CredentialsEnvFileTests {
    @Test(arguments: [
        "K=$HOME", "K=\"$HOME\"", "K=${HOME}", "K=$(id)", "K=\"$(id)\"", "K=`id`", "K=\"`id`\"", "K=$1", "K=$$", "K=$?",
        "K=a b", "K= b", "K=a;b", "K=a|b", "K=a&b", "K=a<b", "K=a>b", "K=(a)", "K='a", "K=\"a", "K=a\\", "K=\"a\\\"",
        "K=~", "K=~/x",
        "K=a:~", "K=$'a'", "K=$\"a\"", "K", "export K", "K =a", "1K=a", "K-L=a", "K+=a", "set -a", "export K=a L=b",
        "K=a\u{1}b", "K='a'b c",
        "K=a\rb",
    ])
    func aLineThatNeedsAShellIsAnErrorWithItsLine(_ line: String) throws {
        let error = try #require(throws: CredentialsError.self) {
            try EnvFile(Array("# first\nA=1\n\(line)\nB=2\n".utf8), file: "x.env")
        }
        #expect(error.problems.map(\.line) == [3])
        #expect(error.kind == .badInput)
    }

    @Test func anErrorNeverShowsAValue() throws {
        let error = try #require(throws: CredentialsError.self) {
            try EnvFile(Array("A='hunter2\nB=hunter2 hunter2\nC hunter2\nD=$hunter2\n".utf8), file: "x.env")
        }
        #expect(error.problems.count == 4)
        var dumped = ""
        dump(error, to: &dumped)
        #expect(!("\(error)" + dumped + error.cause + error.remedy).contains("hunter2"))
    }

    @Test func aKeyWrittenTwiceIsAnErrorThatNamesBothLines() throws {
        let error = try #require(throws: CredentialsError.self) {
            try EnvFile(Array("A=1\nB=2\nexport A=3\n".utf8), file: "x.env")
        }
        #expect(error.description.contains("x.env:3: A is defined again, first on line 1"))
    }

    @Test func bytesThatAreNotUTF8AreAnError() {
        #expect(throws: CredentialsError.self) { try EnvFile(Array("A=".utf8) + [0xFF], file: "x.env") }
    }

    @Test(arguments: [
        "K=", "K=''", "K=\"\"", "K=plain", "export K=x", "  K=x", "K=x   ", "K=x # comment", "K=x#y", "K='#'",
        "K='it'\\''s'",
        "K=\"a\\\"b\\\\c\\$d\\`e\\f\"", "K=a\\ b\\$c\\'d", "K='a'\"b\"c", "K=$", "K=\"a$\"", "K=$%", "K=\"$.\"",
        "K=a=b", "K='$HOME `id` \\'",
        "K=\"it's\"", "K='say \"x\"'", "K=*", "K=[a]", "K={a,b}", "K=!", "K=%s", "K=é\\é", "K='\u{301}'", "K=a~b",
        "K='a\tb'", "K=\\~", "K=x:y",
        "K=\"\u{301}\"", "K=a\\#b", "K=\"$\"'x'", "K=^@",
    ])
    func whatIsAcceptedIsWhatAShellWouldAssign(_ line: String) async throws {
        let folder = try TemporaryFolder()
        try folder.write("x.env", line + "\n")
        let read = ". \"$1\" && printf '%s.' \"$K\""
        let shell = try await output(of: "/bin/sh", "-c", read, "sh", folder.path + "/x.env")
        let value = try #require(EnvFile(Array(line.utf8), file: "x.env").values["K"])
        #expect(value.reveal() + "." == shell)
    }

    @Test func windowsLineEndsAByteOrderMarkAndBlankLinesAreTolerated() throws {
        let file = try EnvFile(Array("\u{FEFF}A='1'\r\n\r\n\t\r\n# c\r\nB=2\r\n".utf8), file: "x.env")
        #expect(file.values.mapValues { $0.reveal() } == ["A": "1", "B": "2"])
    }

    @Test(arguments: ["it's", "'", "$(id) `id` \\ \" %", "\u{301}'\u{301}'", "", " a ", "é😀", "'\\''"])
    func whatIsQuotedReadsBackHereAndInAShell(_ value: String) async throws {
        let quoted = ShellWord.quote(value)
        #expect(try ShellWord.unquote(Substring(quoted).unicodeScalars).reveal() == value)
        #expect(try await output(of: "/bin/sh", "-c", "printf '%s.' \(quoted)") == value + ".")
    }
}
