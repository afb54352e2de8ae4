import Glibc

extension RunReader {
    /// Throws where the run's log was removed or emptied, as anything else that the run left tells; a
    /// run that was cut off before its first record has none.
    public func requireLog(in state: StateDirectory) throws(JournalError) {
        let log = "\(path)/audit.jsonl"
        var facts = stat()
        if stat(log, &facts) == 0 {
            if facts.st_size > 0 { return }
        } else if errno != ENOENT {
            throw .system("stat", log, errno)
        }
        if try state.tombstone(of: id) != nil { throw .pruned(self) }
        let isKnown = try !HeadList.heads(of: id, in: state.path).isEmpty
        let remains = try RunRemains(of: self, isKnown: isKnown)
        guard remains == .damaged else { return }
        throw .badState(
            "read", log, "it was removed or emptied, and the run had begun",
            remedy: "keep \(path) for the auditor, who sees all that is wrong with `runner audit verify \(id)`")
    }
}
