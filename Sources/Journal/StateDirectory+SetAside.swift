import Glibc

extension StateDirectory {
    /// Gives other names to the directories of runs of `module` that never began, or whose run.json
    /// was removed.
    ///
    /// The caller holds the module's lock, and so knows that nobody works in them. Nothing in them
    /// is touched. Those that an earlier run renamed and that no log tells of, since that run was
    /// cut off before it could, keep their names and are told of again.
    ///
    /// - Parameter names: From ``names()``.
    func setAside(module: String, among names: [String]) throws(JournalError) -> [SetAsideDirectory] {
        let told = try told(of: Set(names.filter(Self.isSetAside).filter { Self.run(setAside: $0)?.module == module }))
        var asides: [SetAsideDirectory] = []
        for name in try Self.unjudged(names, of: module, isWhole: hasHeader) where !told.contains(name) {
            let (isNew, isAside) = (Self.isBeingMade(name), Self.isSetAside(name))
            let text = isNew ? String(name.dropFirst().dropLast(4)) : name
            guard let id = isAside ? Self.run(setAside: name) : RunID(text), id.module == module else { continue }
            let run = RunReader(id: id, path: "\(path)/runs/\(name)")
            guard try RunTree.isFolder(run.path) else { continue }
            let known = isNew ? [] : try HeadList.heads(of: id, in: path)
            let remains = try RunRemains(of: run, isKnown: !known.isEmpty)
            if remains == .foreign { continue }
            try disk.settle(run.path)
            guard let digest = try DirectoryDigest(of: run.path) else { continue }
            let other = isAside ? run.path : try Disk.freeName("\(path)/runs/\(id).set-aside-")
            if !isAside { try disk.setAside(run.path, as: other) }
            asides.append(
                SetAsideDirectory(
                    name: Disk.split(other).name, sha256: digest.sha256,
                    result: remains == .damaged ? .damaged : .neverBegan))
        }
        return asides
    }

    /// Those of the names under runs/ whose directories no run of `module` has looked at yet: what is newer than its newest
    /// whole run, which looked at what was there when it began; and what is no run's, or has another name already.
    ///
    /// There may be thousands of older ones. Where run.json of one of these is removed later, `audit verify` tells.
    static func unjudged(
        _ names: [String], of module: String, isWhole: (String) throws(JournalError) -> Bool
    ) throws(JournalError) -> [String] {
        var isOlder = false
        var found: [String] = []
        for name in names.reversed() {
            if isBeingMade(name) || isSetAside(name) {
                found.append(name)
            } else if !isOlder, RunID(name)?.module == module {
                isOlder = try isWhole(name)
                if !isOlder { found.append(name) }
            }
        }
        return found.reversed()
    }

    /// Which run's directory a set-aside one was.
    private static func run(setAside name: String) -> RunID? { RunID(String(name.prefix { $0 != "." })) }

    /// Those of the set-aside directories that logs of their module's runs tell of, as far as they can be read: what is
    /// told twice does no harm.
    ///
    /// Nearly always the next run told, so that no other is read, of which there may be thousands.
    private func told(of asides: Set<String>) throws(JournalError) -> Set<String> {
        guard let oldest = asides.compactMap(Self.run).min() else { return [] }
        var rest = asides
        let runs = try runs().filter { $0.id.module == oldest.module }
        let newer = runs.prefix { $0.id > oldest }
        for run in newer.reversed() + runs[newer.endIndex...] where !rest.isEmpty {
            let chain = try AuditChain(run)
            do throws(ChainFailure) {
                // A run records them before anything else that it does.
                let others: [AuditKind] = [.preflight, .lockTaken, .stepStart, .commandStart, .runEnd]
                while let record = try chain.step(), !others.contains(record.kind) {
                    guard record.kind == .setAside else { continue }
                    if case .setAside(let aside) = try? record.entry().content { rest.remove(aside.name) }
                }
            } catch {
                if case .system(let error) = error { throw error }
            }
        }
        return asides.subtracting(rest)
    }
}
