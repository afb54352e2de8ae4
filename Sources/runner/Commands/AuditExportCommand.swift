import ArgumentParser
import ClientKit
import Journal
import StepKit

/// `runner audit export`.
struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write an archive of a run's record, files and signatures, with a script that verifies it.",
        discussion: """
            The archive contains the run's files byte for byte, a README, and verify.sh, which \
            needs sh, sha256sum, ssh-keygen and jq. Exporting the same run again gives the same \
            bytes. A run that is not intact is exported as it is, with exit status 65. The state \
            directory keeps a record of the export, without which `runner audit prune` refuses the run.
            """)

    @Argument(help: "The run (default: the newest).") var run: String?
    @Option(name: .shortAndLong, help: "The file to write (default: keybuzz-runner-RUN.tar.gz in this folder).")
    var output: String?
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        let report = try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let archive = RunArchive(run: reader)
            let path = output ?? archive.fileName
            return try await runBlocking {
                if try reader.isUnderWay(in: state) {
                    throw StepFailure(
                        "export run \(reader.id)", cause: "it is still running", remedy: "export it once it has ended",
                        kind: .busy)
                }
                let files = try reader.filesDigest()
                try archive.write(to: path)
                let report = try AuditVerifier(state).verify(reader)
                guard let files, try reader.filesDigest() == files else {
                    throw StepFailure(
                        "export run \(reader.id)", cause: "its files changed while \(path) was written",
                        remedy: "export it again", kind: .busy)
                }
                try StandardOutput.write("\(path)")
                do {
                    try state.recordExport(of: reader, files: files, head: report.head, archive: path)
                } catch let error as JournalError where error.kind == .stateNotWritable {
                    // The archive is whole all the same.
                    Terminal.write(
                        "warning: the export is not on record, and `runner audit prune` will refuse the run: \(error)\n"
                    )
                }
                return report
            }
        }
        guard report.isIntact else {
            Terminal(isQuiet: false).line("warning: the run is not intact: \(report.findings[0])")
            throw ExitCode(65)
        }
    }
}
