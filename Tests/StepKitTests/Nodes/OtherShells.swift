import ClientKit
import Foundation
import Glibc
import SSH
import Synchronization
import TestSupport
import Testing

/// Runs commands on this machine, with one of their words, such as a host's name, replaced by another.
struct RedirectingShell: RemoteShell {
    let hostName = "k8s-master-01"
    let from: String
    let to: String
    private let shell = LocalShell()

    init(from: String, to: String) {
        self.from = from
        self.to = to
    }

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        try await shell.run(
            RemoteCommand(
                command.arguments.map { $0 == from ? to : $0 }, standardInput: command.standardInput,
                effect: command.effect, timeout: command.timeout))
    }
}

/// A shell that answers every command the same.
struct CannedShell: RemoteShell {
    let hostName = "k8s-worker-01"
    let status: Int32
    let output: String
    let errors: String

    init(_ status: Int32, _ output: String = "", errors: String = "") {
        self.status = status
        self.output = output
        self.errors = errors
    }

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        CommandResult(
            exitStatus: status, standardOutput: Array(output.utf8), standardError: Array(errors.utf8),
            isTruncated: false,
            duration: .zero)
    }
}

/// A Python program that serves on a port of its own choice, ended with the value.
final class PythonServer: Sendable {
    let port: Int
    private let processID: Int32

    private init(port: Int, processID: Int32) {
        self.port = port
        self.processID = processID
    }

    /// Runs `source`, which prints its port on the first line once it listens.
    static func start(_ source: String, _ arguments: [String] = []) async throws -> PythonServer {
        let (text, process) = try await runBlocking {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/python3")
            process.arguments = ["-u", "-c", source] + arguments
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            var line = Data()
            while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte != Data("\n".utf8)
            {
                line += byte
            }
            return (String(decoding: line, as: UTF8.self), process.processIdentifier)
        }
        return PythonServer(port: try #require(Int(text), "the server did not come up"), processID: process)
    }

    deinit { kill(processID, SIGKILL) }
}
