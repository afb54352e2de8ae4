import ArgumentParser
import ClientKit
import Foundation
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
            let bytes = try await runBlocking { try Data(contentsOf: URL(filePath: "\(reader.path)/audit.jsonl")) }
            try FileHandle.standardOutput.write(contentsOf: bytes)
        }
    }
}
