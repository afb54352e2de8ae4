import Glibc

/// Everything that is in a run's directory, whatever its name.
struct RunTree {
    /// The paths of all plain files, relative to the directory.
    private(set) var files: Set<String> = []
    /// The paths of all folders.
    private(set) var folders: Set<String> = []
    /// Links, sockets and the like, none of which a run makes; and what has a name that is no UTF-8, shown as one that is.
    private(set) var others: Set<String> = []

    /// What others than the owner of the directory can write, or reach by another name, in words and by path.
    private(set) var exposed: [String: String] = [:]
    private let owner: uid_t?

    init(_ root: String) throws(JournalError) {
        owner = try Disk.facts(of: root)?.st_uid
        try list(root, "")
    }

    private mutating func note(_ path: String, _ facts: stat) {
        let isFile = facts.st_mode & S_IFMT == S_IFREG
        guard isFile || facts.st_mode & S_IFMT == S_IFDIR else { return }
        var why: [String] = []
        if facts.st_mode & 0o022 != 0 { why.append("mode \(String(facts.st_mode & 0o777, radix: 8))") }
        if let owner, facts.st_uid != owner { why.append("owner \(facts.st_uid)") }
        if isFile, facts.st_nlink > 1 { why.append("\(facts.st_nlink) names") }
        if !why.isEmpty { exposed[path] = why.joined(separator: ", ") }
    }

    /// Whether `path` is a folder, and not a link to one.
    static func isFolder(_ path: String) throws(JournalError) -> Bool {
        try Disk.facts(of: path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }

    private mutating func list(_ root: String, _ prefix: String) throws(JournalError) {
        for name in try Disk.names(in: "\(root)/\(prefix)", hidden: true) {
            let path = prefix + name
            // No name that was repaired leads to the file, which would pass for one that has just been renamed.
            if name.unicodeScalars.contains("\u{fffd}") {
                others.insert(path)
                continue
            }
            var facts = stat()
            guard lstat("\(root)/\(path)", &facts) == 0 else {
                // A run that is under way renames its temporary files.
                if errno == ENOENT { continue }
                throw .system("stat", "\(root)/\(path)", errno)
            }
            note(path, facts)
            switch facts.st_mode & S_IFMT {
            // Swift takes two names for the same that Unicode does, as K and the sign of the unit kelvin.
            case S_IFREG: if !files.insert(path).inserted { others.insert("another \(path)") }
            case S_IFDIR:
                folders.insert(path)
                if prefix.utf8.count < 200 { try list(root, "\(path)/") }
            default: others.insert(path)
            }
        }
    }

    /// The file that was written to become `path` and did not get that name yet.
    func temporaries(of path: String) -> [String] {
        let (folder, name) = Disk.split(path)
        let prefix = (folder == "." ? "" : "\(folder)/") + ".\(name)."
        return files.filter { $0.hasPrefix(prefix) && Self.isTemporary($0) }.sorted()
    }

    /// The name that a file of this temporary one is to get; nil where it is not a temporary one.
    static func pathToBe(of temporary: String) -> String? {
        guard isTemporary(temporary) else { return nil }
        let (folder, name) = Disk.split(temporary)
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().dropLast(2)
        return (folder == "." ? "" : "\(folder)/") + parts.joined(separator: ".")
    }

    /// Whether the name is one of those that files have while they are written.
    static func isTemporary(_ path: String) -> Bool {
        let name = Disk.split(path).name
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 4 && parts[0].isEmpty && parts.last == "tmp" && UInt32(parts[parts.count - 2]) != nil
    }
}
