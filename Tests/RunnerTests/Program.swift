import Foundation

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
    ) throws -> (output: String, status: Int32) {
        try capture(file, arguments, environment: environment)
    }
}

/// Runs a program to its end, in `folder` and with nothing but `environment` where these are given; what it wrote to both
/// streams, and its exit status.
func capture(
    _ program: URL, _ arguments: [String], in folder: String? = nil, environment: [String: String]? = nil
) throws -> (output: String, status: Int32) {
    let process = Process()
    let output = Pipe()
    process.executableURL = program
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = URL(filePath: folder) }
    if let environment { process.environment = environment }
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (String(decoding: bytes, as: UTF8.self), process.terminationStatus)
}
