import Foundation
import Glibc
import TestSupport

/// What another process left.
struct Finished {
    let status: Int32
    let lines: [String]
    var wasKilled: Bool { status > 128 }

    init(_ finished: ChildProcess.Finished) {
        status = finished.status
        lines = finished.output.split(separator: "\n").map(String.init)
    }
}

/// Where SwiftPM put the helper, beside the test bundle.
let helper = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "JournalCrash").path

func runToEnd(
    _ path: String, _ arguments: [String], environment: [String: String] = [:]
) throws -> Finished {
    Finished(
        try ChildProcess(
            path, arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }
        ).finishHere())
}

/// Whether file systems can be mounted here.
let canMount = geteuid() == 0 && access("/usr/bin/mount", X_OK) == 0
