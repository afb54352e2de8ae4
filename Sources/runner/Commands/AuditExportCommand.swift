import ArgumentParser
import ClientKit
import Foundation
import Journal
import Kubernetes
import StepKit

/// `runner audit export`.
struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write an archive of a run, with a script that verifies it, or its events for a SIEM.",
        discussion: """
            The archive holds the run's files byte for byte, a README, and verify.sh, which needs sh, sha256sum, ssh-keygen \
            and jq. The same run gives the same bytes. A run that is not intact is exported as it is, with exit status 65. The \
            state directory keeps on record that the run was exported, without which `runner audit prune` refuses it.

            --format ocsf prints one event of OCSF 1.5.0 a line instead, as a SIEM reads them.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case archive, ocsf
    }

    @Argument(help: "The run (default: the newest).") var run: String?
    @Option(name: .long, help: "What to write: archive or ocsf.") var format = Format.archive
    @Option(
        name: .shortAndLong,
        help: "The file to write (default: keybuzz-runner-RUN.tar.gz here; with ocsf, standard output).")
    var output: String?
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        switch format {
        case .archive: try await writeArchive()
        case .ocsf: try await writeEvents()
        }
    }

    private func writeEvents() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let output = output
            try await runBlocking {
                try reader.requireLog(in: state)
                let isGrowing = try reader.isUnderWay(in: state)
                guard let output else {
                    return try reader.writeEvents(isGrowing: isGrowing) { try StandardOutput.write($0) }
                }
                try OutputFile("write the events", path: output).write { file in
                    try reader.writeEvents(isGrowing: isGrowing) { try file.write($0) }
                }
            }
        }
    }

    private func writeArchive() async throws {
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

extension RunReader {
    /// Writes the run's events, one a line; throws where the log is damaged, after those before.
    fileprivate func writeEvents(isGrowing: Bool, to write: ([UInt8]) throws -> Void) throws {
        var events = OCSFRecords(version: try header().content?.runner.version ?? "unknown")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func put(_ list: [JSONValue]) throws {
            for event in list {
                let line = String(decoding: try encoder.encode(event), as: UTF8.self).escapedWhereHidden
                try write(Array("\(line)\n".utf8))
            }
        }
        let chain = try records()
        while let record = try chain.next(isGrowing: isGrowing) { try put(events.events(record.entry())) }
        // What has no result yet is told by the next export, once the run has ended.
        if !isGrowing { try put(events.rest()) }
    }
}
