import Glibc
import Synchronization

/// An open file that closes itself, and whose close can be checked.
final class Descriptor: Sendable {
    let path: String
    /// The number for system calls; never used after ``close()``.
    let number: Int32
    private let closed = Atomic<Bool>(false)

    /// Opens `path`; `O_CLOEXEC` is always added, so that no child keeps a file or its lock.
    ///
    /// Of files only plain ones are opened: through a link, a run would write to a file of somebody else, and a record that
    /// is elsewhere would pass for a record that is there. A FIFO is refused at once, and not waited for.
    ///
    /// - Parameter follows: Whether the file may be elsewhere, as one may that no run made.
    init(_ path: String, _ flags: Int32, mode: mode_t = 0o600, follows: Bool = false) throws(JournalError) {
        let writes = flags & (O_WRONLY | O_RDWR | O_CREAT) != 0
        let isFile = flags & O_DIRECTORY == 0 && !follows
        let refusal = writes ? JournalError.notPlain : JournalError.foreign
        self.path = path
        number = Glibc.open(path, flags | O_CLOEXEC | (isFile ? O_NOFOLLOW | O_NONBLOCK : 0), mode)
        guard number >= 0 else {
            guard isFile, errno == ELOOP || (errno == ENXIO && !writes) else { throw .system("open", path, errno) }
            throw refusal(path, errno == ELOOP ? "a symbolic link" : "no plain file")
        }
        guard isFile else { return }
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw .system("stat", path, errno) }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw refusal(path, "no plain file") }
    }

    /// Opens `path`; nil where there is no such file.
    static func ifPresent(
        _ path: String, _ flags: Int32, follows: Bool = false
    ) throws(JournalError) -> Descriptor? {
        do throws(JournalError) {
            return try Descriptor(path, flags, follows: follows)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    /// Writes all of `bytes`, however often the system takes only a part.
    func write(_ bytes: [UInt8]) throws(JournalError) {
        var code: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(number, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count == 0 {
                    code = ENOSPC
                    return
                } else if errno != EINTR {
                    code = errno
                    return
                }
            }
        }
        if code != 0 { throw .system("write", path, code) }
    }

    /// Reads up to `count` bytes from where the last read ended; empty at the end of the file.
    func read(upTo count: Int) throws(JournalError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var got = Glibc.read(number, buffer.baseAddress, count)
            while got < 0, errno == EINTR { got = Glibc.read(number, buffer.baseAddress, count) }
            if got < 0 { code = errno }
            filled = max(got, 0)
        }
        if code != 0 { throw .system("read", path, code) }
        return bytes
    }

    /// Reads up to `count` bytes from `offset` on; empty at the end of the file.
    func read(upTo count: Int, at offset: Int) throws(JournalError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var got = pread(number, buffer.baseAddress, count, off_t(offset))
            while got < 0, errno == EINTR { got = pread(number, buffer.baseAddress, count, off_t(offset)) }
            if got < 0 { code = errno }
            filled = max(got, 0)
        }
        if code != 0 { throw .system("read", path, code) }
        return bytes
    }

    /// Fills the beginning of `buffer` with what follows the last read; how many bytes, 0 at the end of the file.
    func read(into buffer: inout [UInt8]) throws(JournalError) -> Int {
        let count = buffer.withUnsafeMutableBytes { bytes in
            var got = Glibc.read(number, bytes.baseAddress, bytes.count)
            while got < 0, errno == EINTR { got = Glibc.read(number, bytes.baseAddress, bytes.count) }
            return got
        }
        guard count >= 0 else { throw .system("read", path, errno) }
        return count
    }

    /// The last byte of the file; nil where it is empty.
    func lastByte() throws(JournalError) -> UInt8? {
        let end = lseek(number, 0, SEEK_END)
        guard end >= 0 else { throw .system("read", path, errno) }
        var byte: UInt8 = 0
        guard end > 0 else { return nil }
        guard pread(number, &byte, 1, end - 1) == 1 else { throw .system("read", path, errno) }
        return byte
    }

    /// How many bytes the file has.
    func size() throws(JournalError) -> Int {
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw .system("look at", path, errno) }
        return Int(facts.st_size)
    }

    /// `SEEK_DATA` and `SEEK_HOLE` of Linux, which glibc has only for who defines `_GNU_SOURCE`.
    private static let (seekData, seekHole): (Int32, Int32) = (3, 4)

    /// Where the first data at or after `offset` is, which lies behind a hole; nil where there is none.
    func dataStart(from offset: Int) throws(JournalError) -> Int? {
        let place = lseek(number, offset, Self.seekData)
        if place >= 0 { return place }
        // Where the file system does not know holes, there is none.
        guard errno == ENXIO else { return offset }
        return try size()
    }

    /// Whether the file is large and has holes, so that reading all of it may take years.
    ///
    /// No run leaves such a file.
    func isLargeWithHoles() throws(JournalError) -> Bool {
        let end = try size()
        guard end > Disk.largest else { return false }
        let place = lseek(number, 0, Self.seekHole)
        return place >= 0 && place < end
    }

    /// Goes to `offset`, where the next read begins.
    func seek(to offset: Int) throws(JournalError) {
        guard lseek(number, offset, SEEK_SET) >= 0 else { throw .system("read", path, errno) }
    }

    /// Cuts the file to `length` bytes.
    func truncate(to length: Int) throws(JournalError) {
        guard ftruncate(number, length) == 0 else { throw .system("truncate", path, errno) }
    }

    /// Waits until nobody else has the file locked, and locks it until it is closed; false where somebody has it
    /// for longer than `limit`, or the task is cancelled.
    ///
    /// Blocks the thread.
    func lock(within limit: Duration) throws(JournalError) -> Bool {
        let deadline = ContinuousClock.now + limit
        while flock(number, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR else { throw .system("lock", path, code) }
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return false }
            usleep(5000)
        }
        return true
    }

    /// Unlocks the file at once: to close it is not enough while a child that was just forked, and has
    /// not executed its program yet, has it open too.
    func unlock() throws(JournalError) {
        guard flock(number, LOCK_UN) == 0 else { throw .system("unlock", path, errno) }
    }

    /// Closes and reports what the file system kept back until now.
    func close() throws(JournalError) {
        guard !closed.exchange(true, ordering: .relaxed) else { return }
        guard Glibc.close(number) == 0 else { throw .system("close", path, errno) }
    }

    deinit {
        if number >= 0, !closed.load(ordering: .relaxed) { _ = Glibc.close(number) }
    }
}
