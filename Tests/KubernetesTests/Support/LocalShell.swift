import ClientKit
import Dispatch
import Foundation
import SSH

/// A remote shell that is none: it runs the argument vector on this machine, behind a prefix where one is given.
struct LocalShell: RemoteShell {
    var hostName = "this-machine"
    var prefix: [String] = []

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        let outcome = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Result { try runAndWait(command) })
            }
        }
        switch outcome {
        case .success(let result): return result
        case .failure(let error): throw ScriptedShell.failure("\(error)")
        }
    }

    private func runAndWait(_ command: RemoteCommand) throws -> CommandResult {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = prefix + command.arguments
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        let start = ContinuousClock.now
        try process.run()
        // All three streams at once: kubectl may answer before it has read everything.
        let group = DispatchGroup()
        let gathered = Gathered()
        DispatchQueue.global().async(group: group) {
            gathered.errors = errors.fileHandleForReading.readDataToEndOfFile()
        }
        DispatchQueue.global().async(group: group) {
            input.fileHandleForWriting.write(Data(command.standardInput))
            input.fileHandleForWriting.closeFile()
        }
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        group.wait()
        process.waitUntilExit()
        return CommandResult(
            exitStatus: process.terminationStatus, standardOutput: [UInt8](answer),
            standardError: [UInt8](gathered.errors), isTruncated: false, duration: ContinuousClock.now - start)
    }

    /// Written by one queue, read after the group's wait: never at the same time.
    private final class Gathered: @unchecked Sendable {
        var errors = Data()
    }
}
