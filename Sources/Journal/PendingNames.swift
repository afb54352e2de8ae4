/// Which of the files that a log announces may still have the temporary names that they were written under.
///
/// A record announces a file before that gets its own name. Where the process is killed there, or a power cut takes the
/// name away again, the temporary one is left, until a later process gives the file its name. What a later record shows
/// to be durable has its name: another is there because somebody moved the file.
struct PendingNames {
    private var paths: Set<String> = []
    private var last: AuditKind?
    private var hasEnded = false

    /// Takes the next record, with the files that it announces.
    mutating func read(_ record: AuditRecord, announcing files: [FileRecord]) {
        switch record.kind {
        case .tornTail: paths = []
        // The first of its process, or the second: then the end that was cut off may lack its name.
        case .runResume: if last != .tornTail { paths = [] }
        // These folders were made durable before.
        case .runEnd: paths = paths.filter { !$0.hasPrefix("checkpoints/") && !$0.hasPrefix("evidence/") }
        default: if hasEnded, record.kind.isOfSignature { drop(folders: ["."]) }
        }
        last = record.kind
        hasEnded = record.kind == .runEnd || (hasEnded && record.kind.isOfSignature)
        guard [.checkpoint, .evidence, .runEnd, .headSigned, .tornTail].contains(record.kind) else { return }
        let written = files.filter { !$0.isTranscript && $0.was == nil }.map(\.path)
        // A file is written beside those that were before it, and their folder made durable with it.
        drop(folders: Set(written.map { Disk.split($0).folder }))
        paths.formUnion(written)
    }

    private mutating func drop(folders: Set<String>) {
        paths = paths.filter { !folders.contains(Disk.split($0).folder) }
    }

    /// Whether the file may lack its name.
    func contains(_ path: String) -> Bool { paths.contains(path) }
}
