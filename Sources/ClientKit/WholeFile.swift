#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Files that others see only once they are whole: a reader finds the old one or all of the new one,
/// also after a power cut.
public enum WholeFile {
    /// What the operating system refused, in its own words.
    public struct Failure: Error, CustomStringConvertible {
        /// The `errno` of the call.
        public let code: Int32
        private var words: String?

        /// Describes a failed call.
        public init(code: Int32) { self.code = code }

        /// The name is that of something which is not replaced.
        static let notPlain: Failure = {
            var failure = Failure(code: EEXIST)
            failure.words = "what is there is no plain file, and is not replaced"
            return failure
        }()

        /// The system's own words, where it refused.
        public var description: String { words ?? String(cString: strerror(code)) }
    }

    /// A file that is being written, and has another name until it is whole.
    public struct Draft {
        /// For system calls, and for a child process's standard output.
        public let descriptor: Int32

        /// Writes all of `bytes`, however often the system takes only a part.
        public func write(_ bytes: [UInt8]) throws(Failure) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { systemWrite($0, to: descriptor) }
                if count < 0, errno != EINTR { throw Failure(code: errno) }
                rest = rest.dropFirst(max(count, 0))
            }
        }
    }

    /// Puts what `write` writes in the place of `path`, durably, readable by the owner only unless
    /// `mode` lets others too.
    ///
    /// Where anything fails, what was there stays, and nothing else is left. What a killed process
    /// left is removed by the next one that writes the same file. Where `isNew`, a file that exists
    /// stays, and is a ``Failure`` of code `EEXIST`. Only plain files are replaced, and links to them: a rename by root would
    /// make a file of /dev/null, or of the FIFO that somebody reads from.
    public static func replace(
        _ path: String, mode: UInt16 = 0o600, isNew: Bool = false, by write: (Draft) throws -> Void
    ) throws {
        try requireReplaceable(path)
        removeLeftovers(of: path)
        try failpoint("whole.draft")
        let (temporary, descriptor) = try create(beside: path, mode: mode_t(mode))
        do {
            defer { close(descriptor) }
            // The process's umask may have taken the owner's own rights.
            try check(fchmod(descriptor, mode_t(mode)))
            try write(Draft(descriptor: descriptor))
            try failpoint("whole.written")
            try synchronize(descriptor)
            try failpoint("whole.naming")
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
        try failpoint("whole.named")
        try synchronizeFolder(of: path)
    }

    /// Makes durable what is at `path`: a process that was killed may have put it there before it could.
    ///
    /// Called before something that must not be lost is done with what was read there.
    public static func settle(_ path: String) throws {
        try failpoint("whole.settle")
        let descriptor = try check(open(path, O_RDONLY | O_CLOEXEC))
        defer { close(descriptor) }
        try synchronize(descriptor)
        try synchronizeFolder(of: path)
    }

    private static func synchronizeFolder(of path: String) throws(Failure) {
        let directory = try check(open(split(path).folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        defer { close(directory) }
        try synchronize(directory)
    }

    private static func requireReplaceable(_ path: String) throws(Failure) {
        var facts = stat()
        // A link to nothing is replaced, too.
        guard stat(path, &facts) == 0 else { return }
        // The rename says by itself that this is a directory.
        if ![S_IFREG, S_IFDIR].contains(facts.st_mode & S_IFMT) { throw .notPlain }
    }

    /// Puts `bytes` in the place of `path`, as ``replace(_:mode:isNew:by:)`` does.
    public static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt16 = 0o600, isNew: Bool = false
    ) throws {
        try replace(path, mode: mode, isNew: isNew) { try $0.write(bytes) }
    }

    /// A new file, locked for as long as it is open, so that nobody takes it for a leftover.
    private static func create(
        beside path: String, mode: mode_t
    ) throws(Failure) -> (name: String, descriptor: Int32) {
        while true {
            let name = "\(path).\(getpid()).\(UInt32.random(in: .min ... .max)).tmp"
            let descriptor = try check(open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode))
            var facts = stat()
            // Between the two calls another writer may have taken it for a leftover. Where the file
            // system knows no locks, nobody removes any.
            let isTaken = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
            if !isTaken, fstat(descriptor, &facts) == 0, facts.st_nlink > 0 { return (name, descriptor) }
            close(descriptor)
            unlink(name)
        }
    }

    /// Removes the drafts of `path` whose writers are gone: nobody has them locked.
    ///
    /// One that cannot be removed is in nobody's way.
    private static func removeLeftovers(of path: String) {
        let (folder, name) = split(path)
        guard let directory = opendir(folder) else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let found = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix(while: { $0 != 0 }), as: UTF8.self)
            }
            guard Self.name(ofDraft: found) == name else { continue }
            let descriptor = open("\(folder)/\(found)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            if descriptor < 0 { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink("\(folder)/\(found)") }
            close(descriptor)
        }
    }

    /// The name that a draft is to get; nil where `name` is not that of a draft.
    public static func name(ofDraft name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[parts.count - 1] == "tmp", UInt32(parts[parts.count - 2]) != nil,
            Int32(parts[parts.count - 3]) != nil
        else { return nil }
        return parts.dropLast(3).joined(separator: ".")
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }

    /// Never repeated: after a failed fsync a second one may succeed although the data is lost.
    private static func synchronize(_ descriptor: Int32) throws(Failure) {
        if fsync(descriptor) != 0 { throw Failure(code: errno) }
    }

    @discardableResult
    private static func check(_ call: @autoclosure () -> Int32) throws(Failure) -> Int32 {
        while true {
            let result = call()
            if result >= 0 { return result }
            let code = errno
            guard code == EINTR else { throw Failure(code: code) }
        }
    }
}

/// A place where a file is written; see `Failpoints`; nothing in release builds.
@inline(__always)
private func failpoint(_ name: StaticString) throws(WholeFile.Failure) {
    #if DEBUG
        if Failpoints.reach(name) { throw WholeFile.Failure(code: EIO) }
    #endif
}

private func systemWrite(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
