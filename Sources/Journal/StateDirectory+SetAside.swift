import Glibc

extension StateDirectory {
    /// Gives other names to the directories of runs of `module` that never began, or whose run.json
    /// was removed.
    ///
    /// The caller holds the module's lock, and so knows that nobody works in them. Nothing in them
    /// is touched. Those that an earlier run renamed and that no log tells of, since that run was
    /// cut off before it could, keep their names and are told of again.
    func setAside(module: String) throws(JournalError) -> [SetAsideDirectory] {
        let names = try Disk.names(in: "\(path)/runs", hidden: true)
        let told = names.contains(where: Self.isSetAside) ? try asidesTold(module: module) : []
        var asides: [SetAsideDirectory] = []
        let runs = try Descriptor("\(path)/runs", O_RDONLY | O_DIRECTORY)
        for name in names where !told.contains(name) {
            // Of thousands nearly all are whole runs: for each of them one look, from here.
            let isHidden = name.utf8.first == UInt8(ascii: ".")
            if !isHidden, !Self.isSetAside(name), faccessat(runs.number, "\(name)/run.json", F_OK, 0) == 0 { continue }
            let (isNew, isAside) = (Self.isBeingMade(name), Self.isSetAside(name))
            let text = isNew ? String(name.dropFirst().dropLast(4)) : name
            guard let id = RunID(isAside ? String(name.prefix { $0 != "." }) : text), id.module == module
            else { continue }
            let run = RunReader(id: id, path: "\(path)/runs/\(name)")
            guard RunTree.isFolder(run.path) else { continue }
            let known = isNew ? [] : try HeadList.heads(of: id, in: path)
            let remains = isNew ? .stillborn : try RunRemains(of: run, isKnown: !known.isEmpty)
            if remains == .foreign { continue }
            try disk.settle(run.path)
            guard let digest = try DirectoryDigest(of: run.path) else { continue }
            let other = isAside ? run.path : Disk.freeName("\(path)/runs/\(id).set-aside-")
            if !isAside { try disk.setAside(run.path, as: other) }
            asides.append(
                SetAsideDirectory(
                    name: Disk.split(other).name, sha256: digest.sha256,
                    result: remains == .damaged ? .damaged : .neverBegan))
        }
        return asides
    }

    /// The names of set-aside directories that logs of the module's runs tell of, as far as they can
    /// be read: what is told twice does no harm.
    private func asidesTold(module: String) throws(JournalError) -> Set<String> {
        var names: Set<String> = []
        for run in try runs() where run.id.module == module {
            let chain = try AuditChain(run)
            do throws(ChainFailure) {
                // A run records them before anything else that it does.
                let others: [AuditKind] = [.preflight, .lockTaken, .stepStart, .commandStart, .runEnd]
                while let record = try chain.step(), !others.contains(record.kind) {
                    guard record.kind == .setAside else { continue }
                    if case .setAside(let aside) = try? record.entry().content { names.insert(aside.name) }
                }
            } catch {
                if case .system(let error) = error { throw error }
            }
        }
        return names
    }
}
