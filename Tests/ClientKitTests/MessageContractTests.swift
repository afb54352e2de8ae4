import Foundation
import Testing

/// Every attempt and remedy that stands in the sources obeys the contract of `ExplainedError`.
@Suite struct MessageContractTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func sources() throws -> [URL] {
        let folders = ["Sources", "steps"].map { root.appending(path: $0) }
        return try folders.flatMap { folder in
            try #require(
                FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            )
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        }
    }

    @Test func everyMessageInTheSourcesObeys() throws {
        var count = 0
        for file in try Self.sources() {
            let messages = MessageScanner.messages(
                in: try String(contentsOf: file, encoding: .utf8))
            count += messages.count
            for message in messages {
                let fault = MessageContract.fault(of: message)
                #expect(fault == nil, "\(file.lastPathComponent): \(message.text): \(fault ?? "")")
            }
        }
        #expect(count > 300, "the scanner finds the messages")
    }

    @Test(arguments: [
        ("Run again", "begins with a capital letter"), ("run again.", "ends with a full stop"),
        ("the step was not started", "does not begin with a verb"), ("", "is empty"),
        ("it is on its way: check again", "does not begin with a verb"),
        ("host is down", "does not begin with a verb"),
        ("running it again", "does not begin with a verb"),
    ])
    func whatBreaksTheContractIsFound(_ text: String, _ fault: String) {
        for code in [
            "KubernetesError(cause: \"x\", remedy: \"\(text)\", kind: .busy)",
            "Failure(\n    attempt: \"\(text)\")",
            "Failure(\n    remedy:\n        isBusy ? \"wait\" : \"\(text)\")",
            "StepFailure(\"\(text)\", cause: \"y\")",
            "throw StepFailure(\"\(text)\", cause: \"y\")",
            "throw CombinedFailure(\"\(text)\", failures)",
            "let attempt = \"\(text)\"\nlet other = \"Not this.\"",
            "let remedy: Remedy =\n    \"\(text)\"\nreturn \"Not this.\"",
            "let remedy =\n switch status {\n case 1: \"\(text)\"\n default: wait(\"Not.\")\n }\n"
                + "let other = \"Not this.\"",
            "fault.remedy = isBusy ? \"wait\" : \"\(text)\"\nfault.cause = \"Not this.\"",
            "var remedy: String { \"\(text)\" }",
            "func remedy(key: String) -> String {\n switch self { case .a: \"\(text)\" }\n }",
            "var attempt: String {\n if isBusy { return \"wait\" }\n return \"\(text)\"\n }",
        ] {
            let faults = MessageScanner.messages(in: code).compactMap(MessageContract.fault)
            #expect(faults == [fault], "\(code)")
        }
    }

    @Test func theEndOfAJoinedMessageIsItsLastPart() {
        let code = """
            // remedy: "Not code."
            Failure(cause: "The cause is a statement.", remedy: "read \\(name(of: "It")). Then "
                + "run again", kind: .failed)
            """
        let messages = MessageScanner.messages(in: code)
        #expect(messages.map(\.begins) == [true, false])
        #expect(messages.map(\.ends) == [false, true])
        #expect(messages.compactMap(MessageContract.fault).isEmpty)
    }

    @Test func declarationsConditionsAndCallsAreNoMessages() {
        let code = """
            let remedy: String
            let names = ["Not this."]
            Failure(remedy: reason == "OOMKilled" ? "raise the limit" : advice("Not this."))
            pattern.contains(/a " b/)
            Failure(attempt: attempt, remedy: #"Not "this"."#)
            """
        #expect(MessageScanner.messages(in: code).map(\.text) == ["raise the limit"])
    }
}
