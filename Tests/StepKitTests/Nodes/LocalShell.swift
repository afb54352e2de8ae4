import ClientKit
import Foundation
import Glibc
import SSH
import Synchronization
import Testing

/// Runs argument vectors on this machine, as a node's shell would there.
final class LocalShell: RemoteShell {
    let hostName = "k8s-master-01"
    private let seen = Mutex<[RemoteCommand]>([])
    private let environment: [String: String]

    /// A shell whose commands also have `environment`.
    init(environment: [String: String] = [:]) {
        self.environment = environment
    }

    /// What was run.
    var commands: [RemoteCommand] { seen.withLock { $0 } }

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        seen.withLock { $0.append(command) }
        do {
            return try await runBlocking { [environment] in
                try Self.result(of: command, environment: environment)
            }
        } catch {
            throw SSHError(
                phase: .command, hostName: hostName, endpoint: "127.0.0.1:22", attempt: "run \(command.arguments[0])",
                cause: "\(error)", remedy: "none", kind: .failed)
        }
    }

    private static func result(
        of command: RemoteCommand, environment: [String: String]
    ) throws -> CommandResult {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command.arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            .merging(command.environment) { $1 }
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
        let began = ContinuousClock.now
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(command.standardInput))
        try input.fileHandleForWriting.close()
        // What these commands say on standard error is short: it fits into the pipe.
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return CommandResult(
            exitStatus: process.terminationStatus, standardOutput: [UInt8](text), standardError: [UInt8](complaint),
            isTruncated: false, duration: began.duration(to: .now))
    }
}

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
