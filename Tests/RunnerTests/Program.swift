import Foundation
import TestSupport

/// A program that the build has made.
enum Program: String {
    case runner
    case secondModule = "SecondModule"
    case journalCrash = "JournalCrash"
    case engineCrash = "EngineCrash"

    /// The file, which lies beside the tests' own.
    var file: URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: rawValue)
    }

    /// Runs it; what it wrote to both streams, and its exit status.
    func run(
        _ arguments: [String], environment: [String: String]? = nil
    ) async throws -> (output: String, status: Int32) {
        try await capture(file, arguments, environment: environment)
    }
}

/// Runs a program to its end, in `folder` and with nothing but `environment` where these are given; what it wrote to both
/// streams, and its exit status.
func capture(
    _ program: URL, _ arguments: [String], in folder: String? = nil, environment: [String: String]? = nil
) async throws -> (output: String, status: Int32) {
    let finished = try await ChildProcess.run(program.path, arguments, in: folder, environment: environment)
    return (finished.output, finished.status)
}
