import Foundation

/// A program that the build has made.
enum Program: String {
    case runner
    case secondModule = "SecondModule"

    /// The file, which lies beside the tests' own.
    var file: URL {
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: rawValue)
    }

    /// Runs it; what it wrote to both streams, and its exit status.
    func run(_ arguments: [String]) throws -> (output: String, status: Int32) {
        let process = Process()
        let output = Pipe()
        process.executableURL = file
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (String(decoding: bytes, as: UTF8.self), process.terminationStatus)
    }
}
