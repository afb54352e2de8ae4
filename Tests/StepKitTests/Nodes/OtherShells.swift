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
    private let process: ChildProcess

    private init(port: Int, process: ChildProcess) {
        self.port = port
        self.process = process
    }

    /// Runs `source`, which prints its port on the first line once it listens.
    static func start(_ source: String, _ arguments: [String] = []) async throws -> PythonServer {
        let (text, process) = try await runBlocking {
            let output = Pipe()
            let process = try ChildProcess(
                "/usr/bin/python3", ["-u", "-c", source] + arguments, output: .file(output.fileHandleForWriting),
                errors: .kept)
            // So that what has ended before its line ends the wait for that.
            try output.fileHandleForWriting.close()
            var line = Data()
            while let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty, byte != Data("\n".utf8)
            {
                line += byte
            }
            return (String(decoding: line, as: UTF8.self), process)
        }
        return PythonServer(port: try #require(Int(text), "the server did not come up"), process: process)
    }
}
