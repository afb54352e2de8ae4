import ArgumentParser
import ClientKit
import Foundation
import Glibc
import Journal
import StepKit

/// `runner audit report`.
struct AuditReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write one page about a run, to read on a screen or on paper.",
        discussion: """
            The page is one HTML file that loads nothing: the result of the verification, a timeline of the steps, the \
            changes, and every command. Exits with 65 where the record does not hold; the page then says what is wrong.
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

/// A file that has its name only once it is whole, and is its owner's alone.
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
            remedy: "check the folder's rights and space, or name another file with -o")
    }
}
