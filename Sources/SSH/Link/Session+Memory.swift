import CLibSSH2
import ClientKit
import Glibc

extension Session {
    /// How many sessions there are.
    private static let count = Locked(0)
    /// From this many sessions on, saving memory is worth the time it takes.
    private static let many = 64

    /// Counts a new session, and lets it take less memory where there are many.
    static func noteOpened(_ session: OpaquePointer) {
        let isOneOfMany = count.withLock { count in
            count += 1
            return count > many
        }
        if isOneOfMany { dropUntouchedPages(of: session) }
    }

    /// Counts a session that is gone.
    static func noteClosed() {
        count.withLock { $0 -= 1 }
    }

    /// Returns to the system the memory of a new session that nothing has been written to: most of its 54 KB are room for the largest
    /// packets, which the library has filled with zeros, and a session for a few commands never needs.
    ///
    /// Pages of zeros may be dropped: the system makes them again, with zeros, when they are next used.
    private static func dropUntouchedPages(of session: OpaquePointer) {
        let memory = UnsafeMutableRawPointer(session)
        let size = Int(sysconf(Int32(_SC_PAGESIZE)))
        let begin = memory.alignedUp(toMultipleOf: size)
        let count = (malloc_usable_size(memory) - (begin - memory)) / size
        func isZero(_ page: Int) -> Bool {
            UnsafeRawBufferPointer(start: begin + page * size, count: size).bindMemory(to: UInt64.self)
                .allSatisfy { $0 == 0 }
        }
        var page = 0
        while page < count {
            let first = page
            while page < count, isZero(page) { page += 1 }
            if page > first { madvise(begin + first * size, (page - first) * size, MADV_DONTNEED) }
            page += 1
        }
    }
}
