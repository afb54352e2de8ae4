import ClientKit
import Dispatch
import Foundation
import Glibc
public import SSH

/// A remote shell that is none: it runs argument vectors on this machine, behind a prefix where one is given.
public final class LocalShell: RemoteShell {
    /// The name it goes by.
    public let hostName: String
    /// The lock that changes would hold; they hold none here.
    public let lockFile: String?
    private let prefix: [String]
    private let environment: [String: String]
    private let seen = Locked<[RemoteCommand]>([])

    /// A shell whose commands come behind `prefix`, and also have `environment`.
    public init(
        hostName: String = "k8s-master-01", prefix: [String] = [], environment: [String: String] = [:],
        lockFile: String? = nil
    ) {
        self.lockFile = lockFile
        self.hostName = hostName
        self.prefix = prefix
        self.environment = environment
    }

    /// What was run.
    public var commands: [RemoteCommand] { seen.withLock { $0 } }

    /// Runs the command.
    public func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        seen.withLock { $0.append(command) }
        do {
            return try await runBlocking { [self] in try runAndWait(command) }
        } catch {
            throw SSHError(
                phase: .command, hostName: hostName, endpoint: "127.0.0.1:22", attempt: "run \(command.arguments[0])",
                cause: "\(error)", remedy: "none", kind: .failed)
        }
    }

    private func runAndWait(_ command: RemoteCommand) throws -> CommandResult {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = prefix + command.arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            .merging(command.environment) { $1 }
        let (input, output, errors) = (try Self.file(with: command.standardInput), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
        let start = ContinuousClock.now
        try process.run()
        try input.close()
        let group = DispatchGroup()
        let remarks = Locked(Data())
        DispatchQueue.global().async(group: group) {
            let text = errors.fileHandleForReading.readDataToEndOfFile()
            remarks.withLock { $0 = text }
        }
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        group.wait()
        process.waitUntilExit()
        return CommandResult(
            exitStatus: process.terminationStatus, standardOutput: [UInt8](answer),
            standardError: remarks.withLock { [UInt8]($0) }, isTruncated: false,
            duration: ContinuousClock.now - start)
    }

    /// A file with no name: a pipe would end the tests with SIGPIPE where a command does not read all of its input.
    private static func file(with bytes: [UInt8]) throws -> FileHandle {
        let path = NSTemporaryDirectory() + "input-\(UUID())"
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown) }
        defer { unlink(path) }
        return try FileHandle(forReadingFrom: URL(filePath: path))
    }
}
