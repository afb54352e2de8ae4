public import ClientKit
import Glibc

/// Why the state on disk could not be written, read or held.
public struct JournalError: ExplainedError {
    /// What was tried, with the path.
    public let attempt: String
    /// What came back; for system calls the system's own words and the name of the code.
    public let cause: String
    /// What the operator should do next.
    public let remedy: String
    /// `stateNotWritable` (73), `badInput` (65) or `busy` (75).
    public let kind: FailureKind
    /// The file or directory concerned.
    public let path: String
    /// The number of the first bad line, where the audit log is corrupt.
    public let line: Int?
    /// The `errno` of the system call that failed, where one did.
    public let code: Int32?
    /// The format of the file, where this version does not know it.
    public let format: Int?
    /// Whether there is something in the file's place that no run puts there: a link, or more than any file of a run has.
    public let isForeign: Bool
    /// Who holds the module, where `kind` is `busy` and the lock file tells.
    public let holder: LockHolder?

    /// Always nil: the state directory is local.
    public var host: String? { nil }

    init(
        attempt: String, cause: String, remedy: String, kind: FailureKind, path: String, line: Int? = nil,
        code: Int32? = nil, format: Int? = nil, isForeign: Bool = false, holder: LockHolder? = nil
    ) {
        self.attempt = attempt
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
        self.path = path
        self.line = line
        self.code = code
        self.format = format
        self.isForeign = isForeign
        self.holder = holder
    }
}

extension JournalError {
    /// A system call on `path` that failed with `code`.
    static func system(_ attempt: String, _ path: String, _ code: Int32) -> JournalError {
        JournalError(
            attempt: "\(attempt) \(path)", cause: "\(words(for: code))", remedy: remedy(for: code, path),
            kind: .stateNotWritable, path: path, code: code)
    }

    /// A file in the state directory that is not what `runner` wrote.
    static func badState(_ attempt: String, _ path: String, _ cause: String, remedy: String, line: Int? = nil)
        -> JournalError
    {
        JournalError(
            attempt: "\(attempt) \(path)", cause: cause, remedy: remedy, kind: .badInput, path: path, line: line)
    }

    /// A file or line that another version of `runner` wrote, in a format of its own.
    static func unknownFormat(
        _ path: String, format: Int, known: ClosedRange<Int>, line: Int? = nil
    ) -> JournalError {
        JournalError(
            attempt: "read \(path)", cause: FormatCheck.words(format, known: known),
            remedy: "use the version of runner that wrote it, or choose another directory with --state-dir",
            kind: .badInput, path: path, line: line, format: format)
    }

    /// A call that the rest of the program must not make.
    static func defect(_ attempt: String, _ path: String, _ cause: String) -> JournalError {
        badState(attempt, path, cause, remedy: "report this as a bug in runner")
    }

    /// A condition of the state directory, found without a failing system call, that forbids writing to it.
    static func unusable(_ path: String, _ cause: String, remedy: String) -> JournalError {
        JournalError(
            attempt: "use the state directory \(path)", cause: cause, remedy: remedy, kind: .stateNotWritable,
            path: path)
    }

    /// A file that is to be written and that no run made.
    static func notPlain(_ path: String, _ what: String) -> JournalError {
        JournalError(
            attempt: "open \(path)", cause: "it is \(what), and runner writes to plain files of its own only",
            remedy: "find out who put it there and remove it, then run the same command again",
            kind: .stateNotWritable, path: path)
    }

    /// Something in the place of a file that no run made.
    static func foreign(_ path: String, _ what: String) -> JournalError {
        JournalError(
            attempt: "read \(path)", cause: "it is \(what), and runs leave plain files of their own only",
            remedy: "find out who put it there", kind: .badInput, path: path, isForeign: true)
    }

    /// A record that others write, or prune, faster than it is read.
    static func changing(_ state: StateDirectory, attempts: Int, found: AuditFinding?) -> JournalError {
        let last = found.map { "; the last time: \($0)" } ?? ""
        return JournalError(
            attempt: "verify the record in \(state.path)",
            cause: "it was read \(attempts) times, and others changed it each time\(last)",
            remedy: "verify again when no run and no prune is under way: `runner status` shows a run", kind: .busy,
            path: state.path)
    }

    /// A run of which a prune left the tombstone while it was read.
    static func pruned(_ run: RunReader) -> JournalError {
        JournalError(
            attempt: "read run \(run.id)", cause: "it was pruned meanwhile",
            remedy: "see its tombstone: `runner audit list`", kind: .busy, path: run.path)
    }

    /// Whether the failed call ran out of space or quota.
    var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

    /// Whether there is no such file.
    var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    private static func words(for code: Int32) -> String {
        let name = names[code].map { " (\($0))" } ?? " (errno \(code))"
        return String(cString: strerror(code)) + name
    }

    private static let names: [Int32: String] = [
        ENOSPC: "ENOSPC", EDQUOT: "EDQUOT", EIO: "EIO", EROFS: "EROFS", EACCES: "EACCES", EPERM: "EPERM",
        ENOENT: "ENOENT", EEXIST: "EEXIST", ENOTDIR: "ENOTDIR", EMFILE: "EMFILE", ENFILE: "ENFILE",
        EFBIG: "EFBIG",
    ]

    private static func remedy(for code: Int32, _ path: String) -> String {
        switch code {
        case ENOSPC, EDQUOT:
            "free space on the file system of \(path) (check `df \(path)`), then run `runner resume`"
        case EIO:
            "check `dmesg`, or use --state-dir on another disk: the disk of \(path) reports errors"
        case EROFS:
            "mount the file system of \(path) writable, or choose another directory with --state-dir"
        case EACCES, EPERM:
            "run as the user who owns \(path), or choose another directory with --state-dir"
        case EFBIG:
            "raise the limit of a file's size (`ulimit -f unlimited`), then run `runner resume`"
        case EMFILE, ENFILE:
            "raise the limit of open files (`ulimit -n`)"
        default:
            "inspect \(path), or choose another directory with --state-dir"
        }
    }
}
