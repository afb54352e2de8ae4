import ClientKit
public import Foundation
import Glibc

/// Who holds a module on this machine, for people: the lock itself is the kernel's.
public struct LockHolder: Codable, Sendable, Hashable, CustomStringConvertible {
    /// The process, user, machine and boot.
    public let who: Origin
    /// Its run; nil for the moment until it has one.
    public let run: RunID?
    /// Since when.
    public let since: Date

    /// `run … of alice on install-01 (process 4711), since …`.
    public var description: String {
        "\(run.map { "run \($0) of " } ?? "")\(who.login) on \(who.machine) (process \(who.pid)), "
            + "since \(RecordTimestamp.text(since))"
    }

    /// Whether a process of this boot wrote it that is gone, or does nothing any more but end.
    fileprivate var isEnding: Bool {
        who.boot != nil && who.boot == Origin.bootID && LocalProcess(who.pid).isEnding
    }
}

/// Holds a module against other runs with the same state directory, until it is released or the process ends.
///
/// The lock is `flock` on a file that is never deleted. It is opened close-on-exec, so that no child keeps it, and the
/// kernel frees it however the process ends. Runs with other state directories are held off by the Lease in the cluster.
public final class ModuleLock: Sendable {
    private let file: Descriptor
    private let since = Date()

    private init(_ file: Descriptor) { self.file = file }

    /// Takes the module, or throws an error of kind `busy` that names who holds it, and its step.
    ///
    /// Which run it is taken for is decided under the lock, by ``assign(to:origin:)``. Blocks the thread, for seconds where
    /// the holder is being killed.
    public static func acquire(
        module: String, in state: StateDirectory, origin: Origin = .current()
    ) throws(JournalError) -> ModuleLock {
        let path = Self.path(of: module, in: state)
        let file = try Descriptor(path, O_RDWR | O_CREAT)
        let began = ContinuousClock.now
        while flock(file.number, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            guard code == EWOULDBLOCK else { throw .system("lock", path, code) }
            let holder = try readHolder(path)
            // One that is ending frees the lock, or freed it before: then another has taken it, which writes its name at
            // once, and soon that of its run.
            let isEnding = holder?.isEnding == true
            let limit: Duration = isEnding ? .seconds(5) : holder?.run == nil ? .seconds(1) : .zero
            if ContinuousClock.now - began >= limit { throw try busy(module, path, holder, in: state) }
            usleep(5000)
        }
        let lock = ModuleLock(file)
        try failpoint("lock.taken")
        try lock.write(nil, origin)
        return lock
    }

    private static func busy(
        _ module: String, _ path: String, _ holder: LockHolder?, in state: StateDirectory
    ) throws(JournalError) -> JournalError {
        var step: String?
        if let run = holder?.run { step = try state.run(run)?.stepUnderWay() }
        let place = step.map { ", and is at step \($0)" } ?? ""
        return JournalError(
            attempt: "take module \(module)",
            cause: holder.map { "\($0) holds it\(place)" }
                ?? "another process holds it, and \(path) does not say which",
            remedy:
                "wait until that run ends, which `run` and `resume` do with --lock-wait 15m; `runner status` shows its progress",
            kind: .busy, path: path, holder: holder)
    }

    /// Names the run that holds the module, for those that are refused.
    public func assign(to run: RunID, origin: Origin = .current()) throws(JournalError) {
        try failpoint("lock.assign")
        try write(run, origin)
    }

    private func write(_ run: RunID?, _ origin: Origin) throws(JournalError) {
        // Cut last: who looks while the run gets its name does not find an empty file, which would say that nobody has the module.
        let bytes = try SealedJSON.file(LockHolder(who: origin, run: run, since: since))
        try file.seek(to: 0)
        try file.write(bytes)
        try file.truncate(to: bytes.count)
    }

    /// Who holds the module now, or nil; looks without touching the lock, so that no run is turned away by it.
    public static func holder(of module: String, in state: StateDirectory) throws(JournalError) -> LockHolder? {
        let path = Self.path(of: module, in: state)
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            if errno == ENOENT { return nil }
            throw .system("stat", path, errno)
        }
        guard let bytes = try Disk.read(table) else { throw .system("read", table, ENOENT) }
        let locks = String(decoding: bytes, as: UTF8.self)
        let isHeld = locks.split(separator: "\n").contains { line in
            line.contains(" FLOCK ") && line.contains(":\(facts.st_ino) ") && !line.contains("->")
        }
        return isHeld ? try readHolder(path) : nil
    }

    /// Frees the module.
    public func release() throws(JournalError) {
        let emptied = Result { () throws(JournalError) in
            try failpoint("lock.release")
            try file.truncate(to: 0)
        }
        // What the file says is for people; that nobody is turned away counts for more.
        try file.unlock()
        try file.close()
        try emptied.get()
    }

    /// The kernel's locks.
    static let table = "/proc/locks"
    private static let (prefix, suffix) = ("module-", ".lock")

    /// The lock file of a module.
    static func path(of module: String, in state: StateDirectory) -> String {
        "\(state.path)/\(prefix)\(module)\(suffix)"
    }

    /// The modules that have lock files.
    static func modules(in state: StateDirectory) throws(JournalError) -> [String] {
        try Disk.names(in: state.path).filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }
            .map { String($0.dropFirst(prefix.count).dropLast(suffix.count)) }
    }

    private static func readHolder(_ path: String) throws(JournalError) -> LockHolder? {
        guard let bytes = try Disk.read(path), SealedJSON.isWhole(bytes[...]) else { return nil }
        do { return try SealedJSON.decode(LockHolder.self, from: bytes[...]) } catch { return nil }
    }
}
