import ClientKit
public import Foundation
import TestSupport

/// Why a server or a tool of a test did not do its work.
public struct LaunchFailure: Error, CustomStringConvertible {
    /// The reason, with what the program said.
    public let description: String
}

/// A server that tests start for themselves on 127.0.0.1 and that never outlives them.
///
/// It runs under a small shell that waits for the end of its standard input: when the test process goes, however it goes, the
/// pipe closes, and the shell ends the server by its pid.
public final class ServerProcess: Sendable {
    private let process: ChildProcess
    private let leash: FileHandle
    private let log: URL
    private let isStopped = Locked(false)

    /// Starts `command`, which `signal` will end, and waits until it listens on `port` and has said `greeting`.
    public init(
        _ command: [String], endingWith signal: String = "TERM", port: UInt16, log: URL, greeting: String = ""
    ) throws {
        let script = #""$@" & server=$!; cat; kill -\#(signal) $server; wait $server"#
        let pipe = Pipe()
        // A server that is started again goes on in its log.
        let descriptor = open(log.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LaunchFailure(description: "\(log.path) cannot be written") }
        process = try ChildProcess(
            "sh", ["-c", script, "sh"] + command, input: pipe.fileHandleForReading,
            output: .file(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)))
        leash = pipe.fileHandleForWriting
        self.log = log
        let deadline = ContinuousClock.now + .seconds(60)
        while !isListening(port) || !(greeting.isEmpty || text.contains(greeting)) {
            guard process.isRunning, .now < deadline else {
                throw LaunchFailure(description: "\(command) does not listen on \(port): \(text)")
            }
            usleep(10_000)
        }
    }

    deinit {
        stop()
    }

    /// Ends the server and waits until it is gone.
    public func stop() {
        isStopped.withLock { isStopped in
            guard !isStopped else { return }
            isStopped = true
            leash.closeFile()
            process.waitHere()
        }
    }

    /// What it has written so far.
    public var text: String {
        String(decoding: FileManager.default.contents(atPath: log.path) ?? Data(), as: UTF8.self)
    }
}

/// Runs a program to its end.
public func runTool(_ command: [String]) throws {
    let finished = try ChildProcess(command[0], Array(command.dropFirst())).finishHere()
    guard finished.status == 0 else {
        throw LaunchFailure(description: "\(command) ended with status \(finished.status): \(finished.output)")
    }
}

/// A new directory that only its owner may enter.
public func makeTemporaryDirectory() throws -> URL {
    let url = URL(fileURLWithPath: "/var/tmp/runner-test-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
        at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    return url
}
