import ClientKit
import CLinux
public import Foundation

/// Why a server or a tool of a test did not do its work.
public struct LaunchFailure: Error, CustomStringConvertible {
    /// The reason, with what the program said.
    public let description: String
}

/// A server that tests start for themselves on 127.0.0.1 and that never outlives them.
///
/// It runs under a small shell that waits for the end of its standard input: when the test process goes, however it goes, the
/// socket closes, and the shell ends the server by its pid.
public final class ServerProcess: Sendable {
    private let pid: pid_t
    private let leash: Int32
    private let log: URL
    private let isStopped = Locked(false)

    /// Starts `command`, which `signal` will end, and waits until it listens on `port` and has said `greeting`.
    public init(
        _ command: [String], endingWith signal: String = "TERM", port: UInt16, log: URL, greeting: String = ""
    ) throws {
        let script = #""$@" & server=$!; cat; kill -\#(signal) $server; wait $server"#
        var ends: [Int32] = [0, 0]
        // A pair of sockets rather than a pipe, since only they can be kept from other children from their first moment on.
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw LaunchFailure(description: "no pair of sockets") }
        defer { close(ends[0]) }
        pid = try spawn(["sh", "-c", script, "sh"] + command, input: ends[0], output: log)
        leash = ends[1]
        self.log = log
        let deadline = ContinuousClock.now + .seconds(60)
        while !isListening(port) || !(greeting.isEmpty || text.contains(greeting)) {
            guard waitpid(pid, nil, WNOHANG) == 0, .now < deadline else {
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
            close(leash)
            waitpid(pid, nil, 0)
        }
    }

    /// What it has written so far.
    public var text: String {
        String(decoding: FileManager.default.contents(atPath: log.path) ?? Data(), as: UTF8.self)
    }
}

/// Runs a program to its end.
public func runTool(_ command: [String]) throws {
    let (output, status) = try outcome(of: command)
    guard status == 0 else {
        throw LaunchFailure(description: "\(command) ended with status \(status): \(output)")
    }
}

/// Runs a program to its end; what it wrote to both streams, and its status as `waitpid` gives it: the signal that
/// killed it, or the exit status times 256.
public func outcome(of command: [String]) throws -> (output: String, status: Int32) {
    let log = URL(fileURLWithPath: "/var/tmp/runner-test-tool-\(UUID().uuidString)")
    defer { unlink(log.path) }
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(nothing) }
    let pid = try spawn(command, input: nothing, output: log)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    let text = String(decoding: FileManager.default.contents(atPath: log.path) ?? Data(), as: UTF8.self)
    return (text, status)
}

/// A new directory that only its owner may enter.
public func makeTemporaryDirectory() throws -> URL {
    let url = URL(fileURLWithPath: "/var/tmp/runner-test-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
        at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    return url
}

/// Starts a program with `input` as its standard input and with no signal blocked.
private func spawn(_ command: [String], input: Int32, output: URL) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Pipes of Foundation have no close-on-exec, and a reader would wait for the end of a server that has inherited one.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)
    // Threads of the concurrency runtime block signals, and a server that inherits this (as under `Process`) cannot be ended.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let arguments = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid: pid_t = 0
    let status = posix_spawnp(&pid, command[0], &actions, &attributes, arguments, environ)
    guard status == 0 else {
        throw LaunchFailure(description: "\(command[0]) cannot be started: \(String(cString: strerror(status)))")
    }
    return pid
}
