import Foundation
import Glibc

/// Another process, whose output is collected until it ends.
struct Finished {
    let status: Int32
    let wasKilled: Bool
    let lines: [String]
}

/// Where SwiftPM put the helper, beside the test bundle.
let helper = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "JournalCrash").path

func launch(
    _ path: String, _ arguments: [String], environment: [String: String] = [:], input: Pipe? = nil
) throws -> (process: Process, output: Pipe) {
    let process = Process()
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    if let input { process.standardInput = input }
    try process.run()
    return (process, output)
}

func runToEnd(
    _ path: String, _ arguments: [String], environment: [String: String] = [:]
) throws -> Finished {
    let (process, output) = try launch(path, arguments, environment: environment)
    // What hangs is ended, and the test fails.
    let limit = DispatchWorkItem { process.terminate() }
    DispatchQueue.global().asyncAfter(deadline: .now() + 300, execute: limit)
    defer { limit.cancel() }
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Finished(
        status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
        lines: String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init))
}

/// Whether file systems can be mounted here.
let canMount = geteuid() == 0 && access("/usr/bin/mount", X_OK) == 0
