public import Foundation

/// A server that tests start for themselves on 127.0.0.1 and that never outlives them.
///
/// It runs under a small shell that waits for the end of its standard input: when the test process goes, however it goes, the
/// pipe closes, and the shell ends the server by its pid.
public final class ServerProcess: Sendable {
    /// Why a server did not start.
    public struct StartFailure: Error, CustomStringConvertible {
        /// The reason, with what the server said.
        public let description: String
    }

    private let process: Process
    private let leash: Pipe
    /// Where its output goes.
    public let log: URL

    /// Starts `command` and waits until something listens on `port`.
    public convenience init(_ command: [String], port: UInt16, log: URL) throws {
        let script = "\"$@\" & server=$!; cat; kill -TERM $server; wait $server"
        try self.init(script: script, arguments: command, port: port, log: log)
    }

    /// Runs a shell script that starts a server, waits for the end of its standard input, and ends the server.
    public init(script: String, arguments: [String], port: UInt16, log: URL) throws {
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        self.log = log
        leash = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "server"] + arguments
        process.standardInput = leash
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let deadline = ContinuousClock.now + .seconds(60)
        while !isListening(port) {
            guard process.isRunning, .now < deadline else {
                throw StartFailure(description: "\(arguments.first ?? script) does not listen on \(port): \(text)")
            }
            usleep(10_000)
        }
    }

    deinit {
        stop()
    }

    /// What it has written so far.
    public var text: String {
        (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    }

    /// Ends the server and waits until it is gone.
    public func stop() {
        try? leash.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}

/// Runs a program to its end.
public func runTool(_ command: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let pipe = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw ServerProcess.StartFailure(
            description: "\(command.joined(separator: " ")): \(String(decoding: output, as: UTF8.self))")
    }
}

/// A new directory that only its owner may enter.
public func makeTemporaryDirectory() throws -> URL {
    let url = URL(fileURLWithPath: "/var/tmp/runner-test-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
        at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    return url
}
