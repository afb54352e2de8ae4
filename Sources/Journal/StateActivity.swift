import Glibc

/// What tells whether runs were started, or pruned, in a state directory between two looks at it.
struct StateActivity: Equatable {
    /// Sizes and times of what each start and end of a run and each prune changes.
    private let stamps: [[Int]]
    /// Whether a process holds a module.
    let isUnderWay: Bool

    init(in state: StateDirectory) throws(JournalError) {
        let modules = try ModuleLock.modules(in: state)
        let files = [HeadList.name, RetentionList.name, Tombstone.folder, "runs"].map { "\(state.path)/\($0)" }
        stamps = try (files + modules.map { ModuleLock.path(of: $0, in: state) }).map { path throws(JournalError) in
            guard let facts = try Disk.facts(of: path) else { return [] }
            return [Int(facts.st_ino), Int(facts.st_size), facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec]
        }
        var isUnderWay = false
        for module in modules where !isUnderWay {
            do throws(JournalError) {
                isUnderWay = try ModuleLock.holder(of: module, in: state) != nil
            } catch {
                // An auditor's container may have no table of locks: then a run may be under way.
                guard error.path == ModuleLock.table, error.isMissing else { throw error }
                isUnderWay = true
            }
        }
        self.isUnderWay = isUnderWay
    }
}
