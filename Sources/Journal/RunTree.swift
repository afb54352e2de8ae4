import Glibc

/// Everything that is in a run's directory, whatever its name.
struct RunTree {
    /// The paths of all plain files, relative to the directory.
    private(set) var files: Set<String> = []
    /// The paths of all folders.
    private(set) var folders: Set<String> = []
    /// Links, sockets and the like, none of which a run makes.
    private(set) var others: Set<String> = []

    init(_ root: String) throws(JournalError) {
        try list(root, "")
    }

    /// Whether `path` is a folder, and not a link to one.
    static func isFolder(_ path: String) -> Bool {
        var facts = stat()
        return lstat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }

    private mutating func list(_ root: String, _ prefix: String) throws(JournalError) {
        for name in try Disk.names(in: "\(root)/\(prefix)", hidden: true) {
            let path = prefix + name
            var facts = stat()
            guard lstat("\(root)/\(path)", &facts) == 0 else {
                // A run that is under way renames its temporary files.
                if errno == ENOENT { continue }
                throw .system("stat", "\(root)/\(path)", errno)
            }
            switch facts.st_mode & S_IFMT {
            case S_IFREG: files.insert(path)
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

    /// Whether the name is one of those that files have while they are written.
    static func isTemporary(_ path: String) -> Bool {
        let name = Disk.split(path).name
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count >= 4 && parts[0].isEmpty && parts.last == "tmp" && UInt32(parts[parts.count - 2]) != nil
    }
}
