import Glibc

extension StateDirectory {
    /// All runs, newest first.
    public func runs() throws(JournalError) -> [RunReader] {
        try Disk.names(in: "\(path)/runs").compactMap(RunID.init).sorted(by: >).map(reader)
    }

    /// The run of this id, where there is one.
    public func run(_ id: RunID) -> RunReader? {
        access("\(path)/runs/\(id)", F_OK) == 0 ? reader(id) : nil
    }

    /// The run that `resume` goes on with, or nil.
    ///
    /// That is the newest run of the module that has no outcome, or failed, or was interrupted. Runs that were refused
    /// before their first step are passed over; so are directories without run.json, whose run never began. A run that
    /// succeeded ends the search: what is older than it is settled. An outcome that is damaged does not count as one.
    public func newestUnfinishedRun(module: String) throws(JournalError) -> RunReader? {
        var settled: Set<String> = []
        for run in try runs() where run.id.module == module {
            let header = try run.header()
            if case .missing = header { continue }
            let steps = header.content.map { Set($0.steps) }
            if let steps, steps.isSubset(of: settled) { continue }
            switch try run.outcome().content?.result {
            case nil, .failed, .interrupted: return run
            case .refused: if try run.entries().contains(where: { $0.kind == .stepStart }) { return run }
            case .unlocked: continue
            case .succeeded: settled.formUnion(steps ?? [])
            }
        }
        return nil
    }

    func reader(_ id: RunID) -> RunReader {
        RunReader(id: id, path: "\(path)/runs/\(id)")
    }
}
