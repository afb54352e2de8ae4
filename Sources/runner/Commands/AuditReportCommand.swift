import ArgumentParser
import ClientKit
import Foundation
import Glibc
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
                    try ReportFile(path: output).write { file in
                        try page.write { try file.write(contentsOf: Data($0.raw.utf8)) }
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

/// A file that gets its name only once it is complete, readable only by its owner.
private struct ReportFile {
    let path: String

    func write(_ content: (FileHandle) throws -> Void) throws {
        let part = "\(path).part"
        let number = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw refusal(String(cString: strerror(errno))) }
        let file = FileHandle(fileDescriptor: number, closeOnDealloc: true)
        let writing = Result {
            try content(file)
            try file.synchronize()
            try file.close()
        }
        switch writing {
        case .success:
            if rename(part, path) == 0 { return }
            let cause = String(cString: strerror(errno))
            unlink(part)
            throw refusal(cause)
        case .failure(let error):
            unlink(part)
            throw error is CocoaError ? refusal(error.localizedDescription) : error
        }
    }

    private func refusal(_ cause: String) -> StepFailure {
        StepFailure(
            "write the report \(path)", cause: cause,
            remedy: "check the folder's permissions and free space, or name another file with -o")
    }
}
