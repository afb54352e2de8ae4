extension FileLedger.Judgement {
    private var exposure: [String] {
        guard !exposed.isEmpty else { return [] }
        let first = exposed.prefix(5).map { "\($0.path) (\($0.why))" }.joined(separator: ", ")
        let more = exposed.count > 5 ? ", and \(exposed.count - 5) more" : ""
        return ["others may have been able to write \(first)\(more)"]
    }

    /// What a crash left, in words.
    var notes: [String] {
        unfinished.map { "\($0.file.path) is still called \($0.temporary): the run was cut off before it got its name" }
            + leftovers.map { "\($0) has an end that no record covers: the run was cut off while it was written" }
            + doubts.map { "\($0.file) is not as announced, which a power cut explains: \($0.problem)" } + exposure
    }
}
