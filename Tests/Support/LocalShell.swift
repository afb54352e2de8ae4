import ClientKit
import Foundation
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
            let start = ContinuousClock.now
            let finished = try await ChildProcess(
                "/usr/bin/env", prefix + command.arguments,
                environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }
                    .merging(command.environment) { $1 },
                input: try ChildProcess.file(with: Data(command.standardInput)), errors: .kept
            ).finish()
            return CommandResult(
                exitStatus: finished.status, standardOutput: [UInt8](finished.standardOutput),
                standardError: [UInt8](finished.standardError), isTruncated: false,
                duration: ContinuousClock.now - start)
        } catch {
            throw SSHError(
                phase: .command, hostName: hostName, endpoint: "127.0.0.1:22", attempt: "run \(command.arguments[0])",
                cause: "\(error)", remedy: "none", kind: .failed)
        }
    }
}
