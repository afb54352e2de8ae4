import Glibc

extension StateDirectory {
    /// All runs, newest first.
    public func runs() throws(JournalError) -> [RunReader] {
        try Disk.names(in: "\(path)/runs").compactMap(RunID.init).sorted(by: >).map(reader)
    }

    /// The newest run; reads no other.
    ///
    /// A directory without run.json is none.
    public func newestRun() throws(JournalError) -> RunReader? {
        for name in try Disk.names(in: "\(path)/runs").reversed() {
            guard let id = RunID(name) else { continue }
            let run = reader(id)
            if access("\(run.path)/run.json", F_OK) == 0 { return run }
        }
        return nil
    }

    /// The run of this id, where there is one.
    public func run(_ id: RunID) -> RunReader? {
        access("\(path)/runs/\(id)", F_OK) == 0 ? reader(id) : nil
    }

    func reader(_ id: RunID) -> RunReader {
        RunReader(id: id, path: "\(path)/runs/\(id)")
    }

    /// Where a run's directory is made, before it gets the run's name with everything in it.
    func nursery(_ id: RunID) -> String { "\(path)/runs/.\(id).new" }

    /// Whether a name under runs/ is that of a directory that is being made.
    static func isBeingMade(_ name: String) -> Bool {
        name.hasPrefix(".") && name.hasSuffix(".new") && RunID(String(name.dropFirst().dropLast(4))) != nil
    }

    /// Whether a name under runs/ is one that ``setAside(module:)`` gives.
    static func isSetAside(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && RunID(String(parts[0])) != nil && parts[1].hasPrefix("set-aside-")
    }

    /// Gives other names to the directories of runs of `module` that never began, or whose run.json
    /// was removed.
    ///
    /// The caller holds the module's lock, and so knows that nobody works in them. Nothing in them
    /// is touched.
    func setAside(module: String) throws(JournalError) -> [SetAsideDirectory] {
        let heads = try HeadList.read(path).heads
        var asides: [SetAsideDirectory] = []
        for name in try Disk.names(in: "\(path)/runs", hidden: true) {
            let isNew = Self.isBeingMade(name)
            guard let id = RunID(isNew ? String(name.dropFirst().dropLast(4)) : name), id.module == module else {
                continue
            }
            let run = RunReader(id: id, path: "\(path)/runs/\(name)")
            guard RunTree.isFolder(run.path) else { continue }
            guard isNew || access("\(run.path)/run.json", F_OK) != 0 else { continue }
            let remains = isNew ? .stillborn : try RunRemains(of: run, isKnown: heads[id] != nil)
            if remains == .foreign { continue }
            guard let digest = try DirectoryDigest(of: run.path) else { continue }
            let other = Disk.freeName("\(path)/runs/\(id).set-aside-")
            try disk.setAside(run.path, as: other)
            asides.append(
                SetAsideDirectory(
                    name: Disk.split(other).name, sha256: digest.sha256,
                    result: remains == .damaged ? .damaged : .neverBegan))
        }
        return asides
    }
}
