import ClientKit
import Glibc
import Synchronization

/// The file operations whose order makes the state survive a crash at any point.
///
/// A failed fsync is never tried again: the kernel marks the pages clean, so a second call would
/// report success for data that is lost. The error goes up and the run stops.
final class Disk: Sendable {
    private let syncs = Atomic<Int>(0)
    private let longest = Locked(Duration.zero)
    private let reserve = Locked<String?>(nil)
    /// What could not be made durable, by path.
    private let failed = Locked<[String: JournalError]>([:])

    /// How many times data was forced to the disk through this value.
    var syncCount: Int { syncs.load(ordering: .relaxed) }

    /// How long the slowest of them took.
    var longestSync: Duration { longest.withLock { $0 } }

    /// Forces the file's data, and its length, to the disk.
    func syncData(_ file: Descriptor) throws(JournalError) {
        try sync(file, by: fdatasync)
    }

    /// Forces the file or directory to the disk.
    func sync(_ file: Descriptor) throws(JournalError) {
        try sync(file, by: fsync)
    }

    private func sync(_ file: Descriptor, by call: (Int32) -> Int32) throws(JournalError) {
        if let earlier = failed.withLock({ $0[file.path] }) { throw earlier }
        syncs.add(1, ordering: .relaxed)
        let began = ContinuousClock.now
        guard call(file.number) == 0 else {
            let error = failure("make durable", file.path)
            // A folder for whose names there was no space can be synced once there is.
            if !error.isDiskFull { failed.withLock { $0[file.path] = error } }
            throw error
        }
        let took = began.duration(to: .now)
        longest.withLock { $0 = max($0, took) }
    }

    /// Makes new, renamed and removed names in a directory durable.
    func syncDirectory(_ path: String) throws(JournalError) {
        let directory = try Descriptor(path, O_RDONLY | O_DIRECTORY)
        try sync(directory)
    }

    /// Puts a whole file into place: readers see no file or all of `bytes`, also after a power cut.
    ///
    /// A file is written once: one that exists is left alone and reported as an error of code
    /// `EEXIST`. Without `syncsFolder` its name is durable once the caller has synced the folder.
    func writeWhole(_ bytes: [UInt8], to path: String, syncsFolder: Bool = true) throws(JournalError) {
        try writeTemporary(bytes, Self.temporaryName(path), syncsFolder: syncsFolder) {
            temporary throws(JournalError) in
            // link, unlike rename, never replaces.
            guard link(temporary, path) == 0 else { throw failure("create", path) }
            guard unlink(temporary) == 0 else { throw failure("remove", temporary) }
        }
    }

    /// A whole file that is on the disk under a temporary name.
    struct Staged {
        let temporary: String
        let path: String
    }

    /// Writes a whole file under a temporary name, durably: it can be announced before it gets its
    /// own.
    func stage(_ bytes: [UInt8], for path: String) throws(JournalError) -> Staged {
        let temporary = Self.temporaryName(path)
        try writeTemporary(bytes, temporary) { _ in }
        return Staged(temporary: temporary, path: path)
    }

    /// The same for several files of one folder, whose names reach the disk together.
    ///
    /// - Returns: One for each file; where one fails, none is left.
    func stage(_ files: [(path: String, content: [UInt8])]) throws(JournalError) -> [Staged] {
        var staged: [Staged] = []
        do throws(JournalError) {
            for file in files {
                let temporary = Self.temporaryName(file.path)
                try writeTemporary(file.content, temporary, syncsFolder: false) { _ in }
                staged.append(Staged(temporary: temporary, path: file.path))
            }
            if let last = staged.last { try syncDirectory(Self.split(last.path).folder) }
        } catch {
            for file in staged { try remove(file) }
            throw error
        }
        return staged
    }

    /// Gives a staged file its name; one that exists is left alone and reported as an error of code
    /// `EEXIST`.
    ///
    /// The name need not reach the disk: where a power cut takes it away, the temporary one is
    /// there.
    func commit(_ staged: Staged) throws(JournalError) {
        // link, unlike rename, never replaces.
        guard link(staged.temporary, staged.path) == 0 else { throw failure("create", staged.path) }
        guard unlink(staged.temporary) == 0 else { throw failure("remove", staged.temporary) }
    }

    /// Removes a staged file that was not announced.
    func remove(_ staged: Staged) throws(JournalError) {
        guard unlink(staged.temporary) == 0 else { throw failure("remove", staged.temporary) }
    }

    private static func temporaryName(_ path: String) -> String {
        let (folder, name) = split(path)
        return "\(folder)/.\(name).\(UInt32.random(in: 0...UInt32.max)).tmp"
    }

    private func writeTemporary(
        _ bytes: [UInt8], _ temporary: String, syncsFolder: Bool = true,
        _ putInPlace: (String) throws(JournalError) -> Void
    ) throws(JournalError) {
        let file = try Descriptor(temporary, O_WRONLY | O_CREAT | O_EXCL)
        do throws(JournalError) {
            try file.write(bytes)
            try sync(file)
            try file.close()
            try putInPlace(temporary)
        } catch {
            _ = unlink(temporary)
            releaseReserve(after: error)
            throw error
        }
        if syncsFolder { try syncDirectory(Self.split(temporary).folder) }
    }

    /// Gives a file or directory another name in the same folder, durably; what has that name
    /// already is never replaced.
    ///
    /// Nobody else makes names there: the caller holds the module's lock.
    func setAside(_ path: String, as other: String) throws(JournalError) {
        guard try !Self.exists(other) else { throw .system("create", other, EEXIST) }
        guard rename(path, other) == 0 else { throw failure("set aside", path) }
        try syncDirectory(Self.split(path).folder)
    }

    /// Makes durable what is in a folder, and the folder's own name, before anything is built on that: a
    /// killed process may have left it unsynced, and a power cut would then still take it away.
    func settle(
        _ folder: String, files isWanted: (String) -> Bool = { _ in true }
    ) throws(JournalError) {
        let tree = try RunTree(folder)
        for file in tree.files.sorted() where isWanted(file) {
            try sync(Descriptor("\(folder)/\(file)", O_RDONLY))
        }
        for inner in tree.folders.sorted() { try syncDirectory("\(folder)/\(inner)") }
        try syncDirectory(folder)
        try syncDirectory(Self.split(folder).folder)
    }

    /// Makes a directory of mode 0700; one that exists already is left as it is.
    ///
    /// - Returns: Whether it was made.
    @discardableResult
    func makeDirectory(_ path: String) throws(JournalError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        guard errno == EEXIST else { throw failure("create", path) }
        return false
    }

    /// Keeps `size` bytes on the file system for the day it is full.
    func holdReserve(at path: String, size: Int) throws(JournalError) {
        // Where the file system cannot reserve space, glibc reads what is there and writes it again.
        let file = try Descriptor(path, O_RDWR | O_CREAT)
        let code = posix_fallocate(file.number, 0, size)
        guard code == 0 else {
            _ = unlink(path)
            throw .system("keep a reserve in", path, code)
        }
        reserve.withLock { $0 = path }
    }

    /// Frees the reserve when `error` says that the disk is full, so that this very failure can
    /// still be recorded.
    func releaseReserve(after error: JournalError) {
        guard error.isDiskFull else { return }
        reserve.withLock { path in
            if let held = path { _ = unlink(held) }
            path = nil
        }
    }

    private func failure(_ attempt: String, _ path: String) -> JournalError {
        let error = JournalError.system(attempt, path, errno)
        releaseReserve(after: error)
        return error
    }

    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }
}

extension Disk {
    /// No file of a run that is read as a whole has more.
    static let largest = 64 << 20

    /// The whole content of a file, or nil where there is none.
    ///
    /// - Parameter follows: Whether the file may be elsewhere, as one may that no run made.
    static func read(_ path: String, follows: Bool = false) throws(JournalError) -> [UInt8]? {
        guard let file = try Descriptor.ifPresent(path, O_RDONLY, follows: follows) else { return nil }
        var all: [UInt8] = []
        while true {
            let piece = try file.read(upTo: 1 << 18)
            if piece.isEmpty { return all }
            all += piece
            // Before it fills the memory.
            if all.count > largest { throw .foreign(path, "larger than \(largest >> 20) MiB") }
        }
    }

    /// SHA-256 of a file that is read as a whole, in hexadecimal digits; nil where there is none.
    static func digest(of path: String) throws(JournalError) -> String? {
        try read(path).map { SHA256.hash(data: $0).hex }
    }
}
