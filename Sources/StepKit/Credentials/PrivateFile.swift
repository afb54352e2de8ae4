import ClientKit

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reading whole files with the calls of the operating system, which Foundation does not let one order.
enum PrivateFile {
    typealias Failure = WholeFile.Failure

    private static let largest = 1 << 20

    /// The bytes of `path` and its canonical path; `inspect` is called with the open file before
    /// anything is read.
    static func contents(
        of path: String, inspect: (stat) throws -> Void = { _ in }
    ) throws -> (bytes: [UInt8], canonicalPath: String) {
        // O_NONBLOCK so that opening a pipe in the file's place cannot block forever.
        let descriptor = try check(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        defer { close(descriptor) }
        var status = stat()
        try check(fstat(descriptor, &status))
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
        try inspect(status)
        guard status.st_size <= largest else {
            throw Failure(code: EFBIG)
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = try check(read(descriptor, &chunk, chunk.count))
            if count == 0 {
                return (bytes, try canonical(path))
            }
            bytes += chunk[..<count]
            // The file may have grown since it was measured.
            guard bytes.count <= largest else {
                throw Failure(code: EFBIG)
            }
        }
    }

    private static func canonical(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw Failure(code: errno)
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    @discardableResult
    private static func check<Result: SignedInteger>(_ call: @autoclosure () -> Result) throws -> Result {
        while true {
            let result = call()
            if result >= 0 {
                return result
            }
            let code = errno
            guard code == EINTR else {
                throw Failure(code: code)
            }
        }
    }
}
