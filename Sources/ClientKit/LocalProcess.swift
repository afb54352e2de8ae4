import Glibc

/// A process id of this machine, as /proc tells of it.
public struct LocalProcess: Sendable {
    private let pid: Int32

    /// The process that has `pid` in this process's own namespace, if there is one.
    public init(_ pid: Int32) {
        self.pid = pid
    }

    /// Whether no instruction of it runs any more, although its id may still be taken: nobody has asked for its status, or
    /// its memory is being freed.
    public var isGone: Bool {
        for _ in 1...Self.looks {
            if kill(pid, 0) != 0 { return errno == ESRCH }
            guard let threads else { continue }
            guard threads.allSatisfy(\.hasEnded) else { return false }
            // A thread that has ended makes no others: if the second look shows none, there is none.
            guard let again = self.threads, Set(again.map(\.id)).isSubset(of: threads.map(\.id)) else { continue }
            return true
        }
        return false
    }

    /// Threads that end beneath a look make it worthless.
    private static let looks = 20

    /// Whether it is gone, or can do nothing but end: `kill -9` takes effect when the kernel gets to it.
    public var isEnding: Bool {
        // Of the first thread, or of the process, where it stays until somebody asks for the status.
        let isKilled = ["SigPnd:", "ShdPnd:"].contains { label in
            Proc.line(of: "/proc/\(pid)/status", after: label).flatMap { UInt64($0, radix: 16) }
                .map { $0 & (1 << UInt64(SIGKILL - 1)) != 0 } ?? false
        }
        return isKilled || isGone
    }

    /// When it began, in the clock ticks of this boot, and by which clock: of two processes with one id, one began later.
    var start: String? {
        guard let stat = ThreadStat(read: "/proc/\(pid)/stat"), let clock = Proc.target(of: "/proc/self/ns/time")
        else { return nil }
        return "\(stat.start)@\(clock)"
    }

    /// Its threads; `nil` where /proc does not show them, or they change beneath the look.
    ///
    /// The first thread may have ended while others go on: it alone tells nothing.
    private var threads: [(id: Int32, hasEnded: Bool)]? {
        guard let folder = opendir("/proc/\(pid)/task") else { return nil }
        defer { closedir(folder) }
        var threads: [(id: Int32, hasEnded: Bool)] = []
        while true {
            // The end and a failure look the same but for errno.
            errno = 0
            guard let entry = readdir(folder) else {
                guard errno == 0 else { return nil }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let id = Int32(name) else { continue }
            guard let stat = ThreadStat(read: "/proc/\(pid)/task/\(id)/stat") else { return nil }
            threads.append((id, stat.hasEnded))
        }
        return threads.isEmpty ? nil : threads
    }
}

/// What `stat` of a thread in /proc says; see proc(5).
struct ThreadStat: Sendable, Hashable {
    /// Whether it runs no instruction of its program any more.
    let hasEnded: Bool
    /// When it began, in clock ticks since the boot.
    let start: UInt64

    /// `PF_EXITING`, which a thread gets before it gives back what it has, and keeps.
    ///
    /// The number is the same in every Linux since 2.6; a kernel that tells no flags tells 0.
    private static let exiting: UInt64 = 0x4

    init?(read path: String) {
        guard let text = Proc.line(of: path) else { return nil }
        self.init(text)
    }

    /// Reads a line of `stat`; `nil` if it is none.
    init?(_ text: String) {
        // The name may contain anything, brackets too.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count >= 20, let flags = UInt64(fields[6]), let start = UInt64(fields[19]) else { return nil }
        hasEnded = ["Z", "X", "x"].contains(fields[0]) || flags & Self.exiting != 0
        self.start = start
    }
}
