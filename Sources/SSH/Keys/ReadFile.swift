import Glibc

/// More than any file of keys has; a device such as /dev/zero has no end.
private let mostBytes = 64 << 20

/// The contents of the file at `path` and what the system says of it, or the errno.
func readFile(_ path: String) throws(Errno) -> (bytes: [UInt8], status: stat) {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Errno(code: errno) }
    defer { Glibc.close(descriptor) }
    // Asked of the open file, so that it cannot be replaced in between.
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Errno(code: errno) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count == 0 { return (bytes, status) }
        guard count > 0 else {
            if errno == EINTR { continue }
            // A pipe that somebody still writes to: nothing is short here.
            throw Errno(code: errno == EAGAIN ? ENODATA : errno)
        }
        guard bytes.count < mostBytes else { throw Errno(code: EFBIG) }
        bytes += chunk.prefix(count)
    }
}
