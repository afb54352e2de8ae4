import ArgumentParser
import ClientKit
import Foundation
import Journal
import StepKit

/// `runner audit report`.
struct AuditReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write a report about a run as one HTML page, for a screen or paper.",
        discussion: """
            The page is a single HTML file without external resources: the result of the \
            verification, a timeline of the steps, the changes, and every command. Exits with 65 \
            if the record is not intact; the page then shows what is wrong.
            """)

    @Argument(help: "The run (default: the newest).") var run: String?
    @Option(name: .shortAndLong, help: "The file to write (default: standard output).") var output: String?
    @OptionGroup var signatureOptions: SignatureOptions
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        let holds = try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let judge = try await signatureOptions.judge
            return try await runBlocking {
                try reader.requireLog(in: state)
                let verified = try AuditVerifier(state).verify(reader, signatures: judge)
                let page = RunReport(run: reader, state: state, report: verified, time: Date())
                if let output {
                    try OutputFile("write the report", path: output).write { file in
                        try page.write { try file.write(Array($0.raw.utf8)) }
                    }
                } else {
                    try page.write { try StandardOutput.write(Array($0.raw.utf8)) }
                }
                return verified.holds
            }
        }
        guard holds else { throw ExitCode(65) }
    }
}
