import Glibc

/// What a directory with a run's name is that has no run.json.
enum RunRemains {
    /// A run was cut off before its first record: nothing was done in it.
    case stillborn
    /// A run had begun in it; what is missing was removed.
    case damaged
    /// No run made it.
    case foreign

    /// Looks at the files of `run`.
    ///
    /// - Parameter isKnown: Whether the list of heads knows a record of the run.
    init(of run: RunReader, isKnown: Bool) throws(JournalError) {
        guard try RunTree.isFolder(run.path) else {
            self = .foreign
            return
        }
        let tree = try RunTree(run.path)
        let files = tree.files.filter { !RunTree.isTemporary($0) }
        let isEmpty = try (Descriptor.ifPresent("\(run.path)/audit.jsonl", O_RDONLY)?.size() ?? 0) == 0
        // A directory that never got its run's name has its run.json already.
        let beginning: Set = [
            "run.json", "audit.jsonl", RunReader.planFile, RunReader.inventoryFile, "checkpoints", "steps",
            "evidence",
        ]
        if isKnown {
            self = .damaged
        } else if isEmpty, tree.others.isEmpty, files.union(tree.folders).isSubset(of: beginning) {
            self = .stillborn
        } else {
            self = files.contains(where: Self.isOfARun) ? .damaged : .foreign
        }
    }

    private static func isOfARun(_ path: String) -> Bool {
        path == "audit.jsonl" || path.hasPrefix("outcome.") || path.hasPrefix("checkpoints/")
            || path.hasPrefix("steps/") || path.hasPrefix("evidence/")
    }
}
