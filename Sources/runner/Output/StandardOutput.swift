import ArgumentParser
import Foundation
import Glibc
import Synchronization

/// Standard output, for results.
///
/// A failed write is an error, as for any program in a pipeline.
enum StandardOutput {
    /// Whether it was closed when the program started.
    private static let isClosed = Mutex(false)

    /// Opens /dev/null for closed standard streams, so that no file of a run gets one of their
    /// descriptors and is written to by mistake.
    ///
    /// Called before anything is opened.
    static func claimStreams() {
        for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
            if number == STDOUT_FILENO { isClosed.withLock { $0 = true } }
            // This gets the lowest free descriptor, which is the closed one.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// Writes lines of text.
    static func write(_ text: TerminalText) throws { try write(Array("\(text)\n".utf8)) }

    /// Writes `bytes` as they are.
    static func write(_ bytes: [UInt8]) throws {
        guard !isClosed.withLock(\.self) else { throw failure(EBADF) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written < 0, errno != EINTR { throw failure(errno) }
            rest = rest.dropFirst(max(written, 0))
        }
    }

    /// Reports the error on standard error, and returns the exit status.
    private static func failure(_ code: Int32) -> ExitCode {
        Terminal.write(
            """
            error: write to standard output: \(String(cString: strerror(code))) → free space where the \
            output goes, or send it elsewhere\n
            """)
        return ExitCode(74)
    }
}
