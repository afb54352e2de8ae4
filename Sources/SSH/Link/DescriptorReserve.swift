import Glibc

/// The last descriptors of this process, which connections leave to everything else.
///
/// Swift's tasks run on libdispatch, which opens a file in /proc each second while tasks wait, and ends the process with a
/// trap where it gets no descriptor for it. Files that are read at once and closed may come out of the reserve.
enum DescriptorReserve {
    static let count = 16

    /// `descriptor` as a system call returned it; or -1, with `errno` as if there had been none left, where it is one of
    /// the last.
    static func keeping(_ descriptor: Int32) -> Int32 {
        guard descriptor >= 0, isReserved(descriptor) else { return descriptor }
        close(descriptor)
        errno = EMFILE
        return -1
    }

    /// Throws where nothing but the reserve is left; for files that a library opens.
    static func requireMore() throws(Errno) {
        let descriptor = keeping(open("/dev/null", O_RDONLY | O_CLOEXEC))
        guard descriptor >= 0 else { throw Errno(code: errno) }
        close(descriptor)
    }

    /// The system assigns the lowest number that is free.
    static func isReserved(_ descriptor: Int32) -> Bool {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return false }
        return UInt64(descriptor) + UInt64(count) >= UInt64(limit.rlim_cur)
    }
}
