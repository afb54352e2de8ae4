import Glibc

extension RunHeader.Predecessor {
    /// Looks at the log of `run`, whatever its state: a new run carries the last record that can be
    /// relied upon, and says what is wrong.
    init(_ run: RunReader, in state: StateDirectory) throws(JournalError) {
        let holder = try ModuleLock.holder(of: run.id.module, in: state)
        let isGrowing = holder?.run == run.id
        let chain = try AuditChain(run)
        let anchors = try HeadList.heads(of: run.id, in: state.path).map { AuditAnchor($0, source: HeadList.name) }
        var check = AnchorCheck(try AuditAnchor.own(of: run) + anchors, genesis: chain.genesis)
        var defect: AuditDefect?
        do throws(ChainFailure) {
            while let record = try chain.step(isGrowing: isGrowing) { check.read(record) }
        } catch {
            switch error {
            case .system(let error): throw error
            case .defect(let found): defect = found
            }
        }
        let finding = defect?.finding ?? (isGrowing ? nil : check.findings().first)
        var damage: RunHeader.Damage?
        if let finding {
            let facts = try FileFacts(of: "\(run.path)/audit.jsonl")
            damage = RunHeader.Damage(
                line: finding.line, problem: "\(finding)", mayGrow: defect?.isCrash ?? false, bytes: facts?.bytes ?? 0,
                sha256: facts?.sha256 ?? "")
        }
        self.init(run: run.id, audit: chain.head, damage: damage)
    }

    /// What is wrong with it, as the beginning of a sentence.
    var warning: String {
        damage?.mayGrow == true
            ? "the log of the previous run, \(run), ends where that run was cut off"
            : "the log of the previous run, \(run), is damaged, and this run follows its record \(audit.sequence)"
    }
}
