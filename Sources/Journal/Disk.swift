import Glibc
import Synchronization

/// The file operations whose order makes the state survive a crash at any point.
///
/// A failed fsync is never tried again: the kernel marks the pages clean, so a second call would report success for data
/// that is lost. The error goes up and the run stops.
final class Disk: Sendable {
    private let syncs = Atomic<Int>(0)
    private let reserve = Locked<String?>(nil)

    /// How many times data was forced to the disk through this value.
    var syncCount: Int { syncs.load(ordering: .relaxed) }

    /// Forces the file's data, and its length, to the disk.
    func syncData(_ file: Descriptor) throws(JournalError) {
        syncs.add(1, ordering: .relaxed)
        guard fdatasync(file.number) == 0 else { throw failure("make durable", file.path) }
    }

    /// Forces the file or directory to the disk.
    func sync(_ file: Descriptor) throws(JournalError) {
        syncs.add(1, ordering: .relaxed)
        guard fsync(file.number) == 0 else { throw failure("make durable", file.path) }
    }

    /// Makes new, renamed and removed names in a directory durable.
    func syncDirectory(_ path: String) throws(JournalError) {
        let directory = try Descriptor(path, O_RDONLY | O_DIRECTORY)
        try sync(directory)
    }

    /// Puts a whole file into place: readers see no file or all of `bytes`, also after a power cut.
    ///
    /// A file is written once: one that exists is left alone and reported as an error of code `EEXIST`.
    func writeWhole(_ bytes: [UInt8], to path: String) throws(JournalError) {
        try writeTemporary(bytes, for: path) { temporary throws(JournalError) in
            // link, unlike rename, never replaces.
            guard link(temporary, path) == 0 else { throw failure("create", path) }
            guard unlink(temporary) == 0 else { throw failure("remove", temporary) }
        }
    }

    /// Puts a whole file in the place of another, or of none: readers see the old one or all of `bytes`.
    func replaceWhole(_ bytes: [UInt8], at path: String) throws(JournalError) {
        try writeTemporary(bytes, for: path) { temporary throws(JournalError) in
            guard rename(temporary, path) == 0 else { throw failure("create", path) }
        }
    }

    private func writeTemporary(
        _ bytes: [UInt8], for path: String, _ putInPlace: (String) throws(JournalError) -> Void
    ) throws(JournalError) {
        let (folder, name) = Self.split(path)
        let temporary = "\(folder)/.\(name).\(UInt32.random(in: 0...UInt32.max)).tmp"
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
        try syncDirectory(folder)
    }

    /// Gives a file another name in the same folder, durably; used to set aside what must not count any more.
    func setAside(_ path: String, as other: String) throws(JournalError) {
        guard rename(path, other) == 0 else { throw failure("set aside", path) }
        try syncDirectory(Self.split(path).folder)
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
        let file = try Descriptor(path, O_WRONLY | O_CREAT)
        let code = posix_fallocate(file.number, 0, size)
        guard code == 0 else {
            _ = unlink(path)
            throw .system("keep a reserve in", path, code)
        }
        reserve.withLock { $0 = path }
    }

    /// Frees the reserve when `error` says that the disk is full, so that this very failure can still be recorded.
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
    /// The whole content of a file, or nil where there is none.
    static func read(_ path: String) throws(JournalError) -> [UInt8]? {
        let file: Descriptor
        do throws(JournalError) {
            file = try Descriptor(path, O_RDONLY)
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        var all: [UInt8] = []
        while true {
            let piece = try file.read(upTo: 1 << 18)
            if piece.isEmpty { return all }
            all += piece
        }
    }

    /// The names in a directory, without those that begin with a dot; empty where there is no such directory.
    static func names(in path: String) throws(JournalError) -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT { return [] }
            throw .system("read", path, errno)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix(while: { $0 != 0 }), as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// The first of `stem`1, `stem`2, … that no file has yet.
    static func freeName(_ stem: String) -> String {
        var number = 1
        while access("\(stem)\(number)", F_OK) == 0 { number += 1 }
        return "\(stem)\(number)"
    }
}
