import Glibc

extension Disk {
    /// The names in a directory, those that begin with a dot only where asked for; empty where
    /// there is no such directory.
    static func names(in path: String, hidden: Bool = false) throws(JournalError) -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT { return [] }
            throw .system("read", path, errno)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            // Only by this is the end told from a failure, after which the rest would pass for absent.
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw .system("read", path, errno) }
                return names.sorted()
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix(while: { $0 != 0 }), as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            if hidden || !name.hasPrefix(".") { names.append(name) }
        }
    }

    /// Whether there is something of this name, where a link counts as what it leads to.
    ///
    /// Throws where that cannot be told, as for want of a right: what cannot be seen may be there.
    static func exists(_ path: String) throws(JournalError) -> Bool {
        if access(path, F_OK) == 0 { return true }
        guard [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG].contains(errno) else { throw .system("look for", path, errno) }
        return false
    }

    /// What has this name itself, be it a link; nil where there is nothing.
    static func facts(of path: String) throws(JournalError) -> stat? {
        var facts = stat()
        if lstat(path, &facts) == 0 { return facts }
        guard [ENOENT, ENOTDIR, ENAMETOOLONG].contains(errno) else { throw .system("stat", path, errno) }
        return nil
    }

    /// The first of `stem`1, `stem`2, … that no file has yet.
    static func freeName(_ stem: String) throws(JournalError) -> String {
        var number = 1
        while try exists("\(stem)\(number)") { number += 1 }
        return "\(stem)\(number)"
    }
}
