import Glibc

/// What tells whether runs were started, or pruned, in a state directory between two looks at it.
struct StateActivity: Equatable {
    /// Sizes and times of what each start and end of a run and each prune changes.
    private let stamps: [[Int]]
    /// Whether a process holds a module.
    let isUnderWay: Bool

    init(in state: StateDirectory) throws(JournalError) {
        let locks = try Disk.names(in: state.path).filter { $0.hasPrefix("module-") && $0.hasSuffix(".lock") }
        stamps = ([HeadList.name, RetentionList.name, Tombstone.folder, "runs"] + locks).map { name in
            var facts = stat()
            guard stat("\(state.path)/\(name)", &facts) == 0 else { return [] }
            return [Int(facts.st_ino), Int(facts.st_size), facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec]
        }
        var isUnderWay = false
        for lock in locks where !isUnderWay {
            let module = String(lock.dropFirst("module-".utf8.count).dropLast(".lock".utf8.count))
            isUnderWay = try ModuleLock.holder(of: module, in: state) != nil
        }
        self.isUnderWay = isUnderWay
    }
}
