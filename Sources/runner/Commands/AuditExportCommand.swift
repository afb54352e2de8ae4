import ArgumentParser
import ClientKit
import Journal

/// `runner audit export`.
struct AuditExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print a run's audit log byte for byte, one JSON record a line.")

    @Argument(help: "The run (default: the newest).") var run: String?
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            try await runBlocking {
                let isGrowing = try reader.isUnderWay(in: state)
                try reader.exportLog { try StandardOutput.write($0) }
                // Everything is printed as it is; the exit status says whether the record is intact.
                let records = try reader.records()
                while try records.next(isGrowing: isGrowing) != nil {}
            }
        }
    }
}
