import CLinux
import Foundation
import Glibc
import Testing

/// A local process with its output in a file.
///
/// Foundation's `Process` hands its descriptors on to children that start at the same moment, and then waits for those.
final class ChildProcess: Sendable {
    let processID: pid_t

    /// Starts `program`, with `environment` instead of this process's own if given.
    init(_ program: String, _ arguments: [String], output: String = "/dev/null", environment: [String]? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Pipes of Foundation have no close-on-exec, and a reader would wait for the end of a server that has inherited one.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        // Dispatch's threads block most signals, and a child inherits that: sshd would never hear of its children's ends.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var child = pid_t()
        let code = withCStrings([program] + arguments) { arguments in
            withCStrings(environment ?? ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }) { environment in
                posix_spawn(&child, program, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
        processID = child
    }

    /// Waits for the end on a thread of its own, and returns the exit status, or 128 + the signal.
    @discardableResult
    func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var status: Int32 = 0
                while waitpid(self.processID, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f)
            }
        }
    }

    /// Whether it has ended by itself; ``wait()`` and ``end(_:)`` still return at once.
    var hasEnded: Bool {
        var information = siginfo_t()
        let options = WEXITED | WNOHANG | WNOWAIT
        return waitid(P_PID, id_t(processID), &information, options) == 0 && information.si_signo == SIGCHLD
    }

    /// Ends the process with `signal` and waits for the end.
    func end(_ signal: Int32 = SIGTERM) {
        kill(processID, SIGCONT)
        kill(processID, signal)
        var status: Int32 = 0
        waitpid(processID, &status, 0)
    }
}

/// Runs a local program and returns what it printed; fails the test where it fails.
@discardableResult
func shell(_ program: String, _ arguments: [String], environment: [String]? = nil) async throws -> String {
    let output = FileManager.default.temporaryDirectory.appending(path: "output-\(UUID())")
    defer { unlink(output.path) }
    let status = try await ChildProcess(program, arguments, output: output.path, environment: environment).wait()
    let text = try String(contentsOf: output, encoding: .utf8)
    try #require(status == 0, "\(program) \(arguments): \(text)")
    return text
}

/// Waits until `condition` holds, at most 60 seconds.
func eventually(_ what: String, _ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try !condition() {
        try #require(.now < deadline, "\(what) did not happen in time")
        try await Task.sleep(for: .milliseconds(10))
    }
}

private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
}
