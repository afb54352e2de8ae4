import CLinux
import ClientKit
public import Foundation
import Glibc

/// A process of a test, which has none of the test's own descriptors, and ends with the value at the latest.
///
/// Foundation's `Process` (Swift 6.3.1) hands on what another thread has opened at that moment: also the socket whose end
/// tells Foundation that another process has ended. Whoever waits for that one then waits for this one too.
public final class ChildProcess: Sendable {
    /// Where a stream of a process goes.
    public enum Output: Sendable {
        /// Into a file without a name, from which ``ChildProcess/output`` and ``ChildProcess/errors`` read.
        case kept
        /// Into a file that is open in the test.
        case file(FileHandle)

        fileprivate var isKept: Bool {
            if case .kept = self { true } else { false }
        }

        fileprivate func open() throws -> FileHandle {
            switch self {
            case .kept: try ChildProcess.makeFile()
            case .file(let file): file
            }
        }
    }

    /// Its id, which belongs to nothing else before somebody has waited for its end.
    public let pid: Int32
    private let kept: (output: FileHandle?, errors: FileHandle?)
    /// As `waitpid` gives it, once it has been waited for.
    private let status = Locked<Int32?>(nil)

    /// Starts a program, which is looked for as a shell does.
    ///
    /// - Parameters:
    ///   - folder: Where it runs; nil for the folder of the tests.
    ///   - environment: All that it has; nil for what the tests have.
    ///   - input: What it reads; nil for nothing.
    ///   - errors: Where its standard error goes; nil for where its standard output goes.
    public init(
        _ program: String, _ arguments: [String] = [], in folder: String? = nil, environment: [String: String]? = nil,
        input: FileHandle? = nil, output: Output = .kept, errors: Output? = nil
    ) throws {
        let outputFile = try output.open()
        let errorFile = try errors?.open() ?? outputFile
        kept = (output.isKept ? outputFile : nil, errors?.isKept == true ? errorFile : nil)
        let streams = [
            try input ?? FileHandle(forReadingFrom: URL(filePath: "/dev/null")), outputFile, errorFile,
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, file.fileDescriptor, Int32(number))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder) }
        // Threads of Dispatch and of the concurrency runtime block most signals, and a child inherits that: it could not be
        // ended, and sshd would not learn that its own children have ended.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var child = pid_t()
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0)=\($1)" }
        let code = withCStrings([program] + arguments) { arguments in
            withCStrings(variables) { variables in
                withExtendedLifetime(streams) {
                    posix_spawnp(&child, program, &actions, &attributes, arguments, variables)
                }
            }
        }
        guard code == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL, userInfo: [NSFilePathErrorKey: program])
        }
        pid = child
    }

    deinit { end(SIGKILL) }

    /// What it has written so far, to its standard error too where that is not kept apart.
    public var output: String { get throws { String(decoding: try Self.read(kept.output), as: UTF8.self) } }

    /// What it has written so far to its standard error, where that is kept apart.
    public var errors: String { get throws { String(decoding: try Self.read(kept.errors), as: UTF8.self) } }

    /// Whether it has not ended.
    public var isRunning: Bool {
        var information = siginfo_t()
        return status.withLock { $0 == nil && waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0 }
            && information.si_signo != SIGCHLD
    }

    /// Whether a signal has stopped it, which the kernel calls `T`.
    public var isStopped: Bool {
        get throws { try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8).contains(") T ") }
    }

    /// The signal that has ended it, where one has, and it has been waited for.
    public var endingSignal: Int32? { status.withLock { $0.flatMap { $0 & 0x7f == 0 ? nil : $0 & 0x7f } } }

    /// Sends a signal, unless it has been waited for.
    public func send(_ signal: Int32) {
        status.withLock { if $0 == nil { kill(pid, signal) } }
    }

    /// Waits for its end on a thread of its own; the exit status, or 128 and the signal.
    @discardableResult public func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: self.waitHere()) }
        }
    }

    /// The same on the thread that asks.
    @discardableResult public func waitHere() -> Int32 {
        // Once it is known, the id may be another process's.
        if let known = status.withLock({ $0 }) { return Self.code(known) }
        // Without the lock, and leaving the process to be collected under it: a signal is sent to no other.
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        return status.withLock { known in
            if let known { return Self.code(known) }
            var raw: Int32 = 0
            while waitpid(pid, &raw, 0) != pid {
                precondition(errno == EINTR, "process \(pid) cannot be waited for")
            }
            known = raw
            return Self.code(raw)
        }
    }

    private static func code(_ raw: Int32) -> Int32 { raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f }

    /// Ends it, also where it is stopped, and waits for that.
    @discardableResult public func end(_ signal: Int32 = SIGTERM) -> Int32 {
        send(SIGCONT)
        send(signal)
        return waitHere()
    }

    private static func read(_ file: FileHandle?) throws -> Data {
        guard let file else { throw CocoaError(.fileReadNoSuchFile) }
        // Opened again, for a place of its own.
        return try Data(contentsOf: URL(filePath: "/proc/self/fd/\(file.fileDescriptor)"))
    }
}

extension ChildProcess {
    /// What a program that has ended has left.
    public struct Finished: Sendable {
        /// The exit status, or 128 and the signal.
        public let status: Int32
        /// What it wrote, to its standard error too where that is not kept apart.
        public let standardOutput: Data
        /// What it wrote to its standard error, where that is kept apart.
        public let standardError: Data

        /// ``standardOutput`` as text.
        public var output: String { String(decoding: standardOutput, as: UTF8.self) }
        /// ``standardError`` as text.
        public var errors: String { String(decoding: standardError, as: UTF8.self) }
    }

    /// A program that took too long, and was ended.
    struct Overdue: Error {
        let pid: Int32
        let limit: Duration
        /// What it had written by then.
        let output: String
    }

    /// Runs a program to its end; ends it, and throws, where it takes longer than `limit`.
    ///
    /// Only a few run at a time, and not on the tasks' threads: a test that ran one after the other on its own thread would
    /// keep the tests beside it from what they wait for.
    public static func run(
        _ program: String, _ arguments: [String] = [], in folder: String? = nil, environment: [String: String]? = nil,
        input: FileHandle? = nil, errors: Output? = nil, within limit: Duration = .seconds(300)
    ) async throws -> Finished {
        try await withCheckedThrowingContinuation { continuation in
            queue.addOperation {
                continuation.resume(
                    with: Result {
                        try ChildProcess(
                            program, arguments, in: folder, environment: environment, input: input, errors: errors
                        ).finishHere(within: limit)
                    })
            }
        }
    }

    private static let queue = {
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 3
        return queue
    }()

    /// Waits for its end on a thread of its own, and returns what it has left; ends it, and throws, where that takes longer
    /// than `limit`, which is whole seconds.
    public func finish(within limit: Duration = .seconds(300)) async throws -> Finished {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try self.finishHere(within: limit) }) }
        }
    }

    /// The same on the thread that asks.
    public func finishHere(within limit: Duration = .seconds(300)) throws -> Finished {
        let isOverdue = Locked(false)
        // A source lets go of what it holds when it is cancelled; a work item does so only when its time has come.
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + .seconds(Int(limit.components.seconds)))
        timer.setEventHandler { [weak self] in
            isOverdue.withLock { $0 = true }
            self?.send(SIGKILL)
        }
        timer.resume()
        defer { timer.cancel() }
        let status = waitHere()
        let finished = Finished(
            status: status, standardOutput: try Self.read(kept.output),
            standardError: try kept.errors.map(Self.read) ?? Data())
        if isOverdue.withLock({ $0 }) {
            throw Overdue(pid: pid, limit: limit, output: finished.output + finished.errors)
        }
        return finished
    }
}

private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
}
