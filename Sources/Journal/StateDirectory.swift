import Glibc

/// The directory that holds all runs: `--state-dir`, `RUNNER_STATE_DIR`, or a default.
public struct StateDirectory: Sendable {
    /// Something about the directory that the operator should know and that stops nothing.
    public enum Warning: Sendable, Hashable, CustomStringConvertible {
        /// Its content is gone after a reboot.
        case volatile(fileSystem: String)

        /// One sentence.
        public var description: String {
            switch self {
            case .volatile(let name): "the state directory is on \(name): checkpoints and audit log are lost on reboot"
            }
        }
    }

    /// Its path.
    public let path: String
    /// What was found when it was prepared.
    public let warnings: [Warning]
    let disk: Disk

    /// The path to use: the flag's, else `RUNNER_STATE_DIR`, else /var/lib/keybuzz-runner for root,
    /// else XDG state.
    public static func resolve(flag: String?, environment: [String: String], userID: UInt32? = nil) -> String {
        func given(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let chosen =
            flag ?? given("RUNNER_STATE_DIR")
            ?? defaultPath(userID ?? geteuid(), given("XDG_STATE_HOME"), given("HOME"))
        let absolute = chosen.hasPrefix("/") ? chosen : "\(currentDirectory())/\(chosen)"
        return absolute.count > 1 && absolute.hasSuffix("/") ? String(absolute.dropLast()) : absolute
    }

    private static func defaultPath(_ userID: UInt32, _ xdg: String?, _ home: String?) -> String {
        if userID == 0 { return "/var/lib/keybuzz-runner" }
        return "\(xdg ?? "\(home ?? ".")/.local/state")/keybuzz-runner"
    }

    private static func currentDirectory() -> String {
        guard let text = getcwd(nil, 0) else { return "." }
        defer { free(text) }
        return String(cString: text)
    }

    /// Opens the directory for reading; it need not exist, and then has no runs.
    public static func reading(_ path: String) -> StateDirectory {
        StateDirectory(path: path, warnings: [], disk: Disk())
    }

    /// Opens a directory for reading that must have been used by runs: that there is nothing to see
    /// is no answer where there is no directory.
    public static func existing(_ path: String) throws(JournalError) -> StateDirectory {
        let remedy = "name the state directory of the runs with --state-dir or RUNNER_STATE_DIR"
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            if errno != ENOENT { throw .system("stat", path, errno) }
            throw .badState("read the state directory", path, "there is no such directory", remedy: remedy)
        }
        guard try Disk.exists("\(path)/runs") else {
            throw .badState("read the state directory", path, "it has no folder runs/: no run used it", remedy: remedy)
        }
        return reading(path)
    }

    /// Makes the directory where it is missing, proves that it can be written durably, and keeps a
    /// reserve in it.
    ///
    /// - Parameters:
    ///   - path: From ``resolve(flag:environment:userID:)``.
    ///   - minimumFree: How many bytes must be free; a tenth of it is kept as the reserve that is
    ///     released when the disk
    ///     is full, so that the failure itself can be recorded.
    public static func prepare(_ path: String, minimumFree: Int = 16 << 20) throws(JournalError) -> StateDirectory {
        let disk = Disk()
        let existed = try Disk.exists(path)
        try makeParents(of: path, disk)
        try disk.makeDirectory(path)
        try checkOwner(path)
        let warnings = try checkFileSystem(path)
        // Made here, or by a process that was killed before it could make the name durable.
        let folder = Disk.split(path).folder
        let mayBeOurs = try !Disk.exists("\(path)/runs") && access(folder, R_OK | W_OK) == 0
        if !existed || mayBeOurs { try disk.syncDirectory(folder) }
        try disk.makeDirectory("\(path)/runs")
        guard try RunTree.isFolder("\(path)/runs") else {
            throw .unusable(
                "\(path)/runs", "it is a symbolic link or a file, and the record of runs must be in its place",
                remedy: "move the folder that it leads to here, or name the directory that has it with --state-dir")
        }
        try checkSpace(path, minimumFree)
        try disk.holdReserve(at: "\(path)/reserve", size: minimumFree / 10)
        // Also where all of it was there: a killed process may have made it.
        try disk.syncDirectory(path)
        return StateDirectory(path: path, warnings: warnings, disk: disk)
    }

    private static func makeParents(of path: String, _ disk: Disk) throws(JournalError) {
        let (folder, _) = Disk.split(path)
        guard folder != "/", try !Disk.exists(folder) else { return }
        try makeParents(of: folder, disk)
        if try disk.makeDirectory(folder) { try disk.syncDirectory(Disk.split(folder).folder) }
    }

    private static func checkOwner(_ path: String) throws(JournalError) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw .system("stat", path, errno) }
        guard facts.st_mode & S_IFMT == S_IFDIR else {
            throw .unusable(path, "it is not a directory", remedy: "choose another directory with --state-dir")
        }
        guard facts.st_uid == geteuid() else {
            throw .unusable(
                path, "it belongs to user \(facts.st_uid), not to \(geteuid())",
                remedy: "run as its owner, or choose another directory with --state-dir")
        }
        guard facts.st_mode & 0o077 != 0 else { return }
        // An empty directory of ours, as mkdir leaves it, is simply closed; one with content may be
        // somebody's home.
        guard facts.st_mode & 0o022 == 0, try Disk.names(in: path).isEmpty else {
            let mode = String(facts.st_mode & 0o777, radix: 8)
            throw .unusable(path, "other users can access it (mode \(mode))", remedy: "run `chmod 700 \(path)`")
        }
        guard chmod(path, 0o700) == 0 else { throw .system("restrict access to", path, errno) }
    }

    private static func checkFileSystem(_ path: String) throws(JournalError) -> [Warning] {
        guard let real = realpath(path, nil) else { throw .system("stat", path, errno) }
        defer { free(real) }
        let mounts = String(decoding: try Disk.read("/proc/self/mountinfo") ?? [], as: UTF8.self)
        let type = fileSystem(of: String(cString: real), mounts: mounts)
        if networkTypes.contains(type) {
            throw .unusable(
                path, "it is on \(type), where locks and fsync are not reliable",
                remedy: "choose a directory on a local disk with --state-dir")
        }
        return type == "tmpfs" || type == "ramfs" ? [.volatile(fileSystem: type)] : []
    }

    private static let networkTypes: Set = ["nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.sshfs", "9p"]

    /// The type of the file system that `path` is on, from the text of /proc/self/mountinfo; empty
    /// where it does not tell.
    static func fileSystem(of path: String, mounts: String) -> String {
        var best = (point: "", type: "")
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
            // The kernel writes a space in a path as \040.
            let point = String(fields[4]).replacing("\\040", with: " ")
            let covers = path == point || path.hasPrefix(point == "/" ? "/" : "\(point)/")
            // Of mounts on the same point the last is on top.
            if covers, point.utf8.count >= best.point.utf8.count { best = (point, String(fields[dash + 1])) }
        }
        return best.type
    }

    private static func checkSpace(_ path: String, _ minimum: Int) throws(JournalError) {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { throw .system("check the free space of", path, errno) }
        let free = Int(facts.f_bavail) * Int(facts.f_frsize)
        guard free >= minimum else {
            throw .unusable(
                path, "its file system has only \(free / 1024) KiB free, and a run needs \(minimum / 1024) KiB",
                remedy: "free space there (check `df \(path)`), or choose another directory with --state-dir")
        }
    }
}
