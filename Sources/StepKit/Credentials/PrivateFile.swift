#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads and replaces whole files with system calls, whose order and flags Foundation does not
/// expose.
enum PrivateFile {
    /// A failed system call, in the operating system's words.
    struct Failure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { String(cString: strerror(code)) }
    }

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

    /// Replaces the file at `path` with `bytes`, readable only by its owner unless `mode` says
    /// otherwise.
    ///
    /// The replacement is atomic: the file is always the old or the new one. With `isNew`, an
    /// existing file is kept, and the error is `EEXIST`.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600, isNew: Bool = false) throws {
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max)).tmp"
        let descriptor = try check(open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode))
        do {
            defer { close(descriptor) }
            // The process's umask may have removed the owner's own permissions.
            try check(fchmod(descriptor, mode))
            try write(bytes, to: descriptor)
            try synchronize(descriptor)
            if isNew {
                // Unlike rename, it never replaces.
                try check(link(temporary, path))
                unlink(temporary)
            } else {
                try check(rename(temporary, path))
            }
        } catch {
            unlink(temporary)
            throw error
        }
        let directory = try check(open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        defer { close(directory) }
        try synchronize(directory)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try check(rest.withUnsafeBytes { systemWrite(descriptor, $0) })
            rest = rest.dropFirst(count)
        }
    }

    /// Never repeated: after a failed fsync a second one may succeed although the data is lost.
    private static func synchronize(_ descriptor: Int32) throws {
        if fsync(descriptor) != 0 {
            throw Failure(code: errno)
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

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
