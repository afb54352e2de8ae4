import Testing

@testable import Journal

/// What helper processes said before they ended.
struct Promises {
    var run: RunID?
    var heads: [AuditHead] = []
    var steps: [String] = []
    var isDone = false

    init(_ lines: [String]) {
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            switch words.first {
            case "run": run = RunID(words[1])
            case "head": heads += [AuditHead(words[1])].compactMap(\.self)
            case "step": steps.append(words[1])
            case "done": isDone = true
            default: break
            }
        }
    }

    /// These, and those of the process after it.
    func and(_ later: Promises) -> Promises {
        var both = later
        both.run = later.run ?? run
        both.heads = heads + later.heads
        both.steps = steps + later.steps
        return both
    }

    /// Whether all of it is in `state`, and the record of each run is intact.
    ///
    /// - Parameter mayBeCut: Whether its last line may be the piece that a killed process left.
    func judge(_ state: StateDirectory, _ place: String, mayBeCut: Bool = false) throws {
        let cut = "the last line is incomplete"
        for run in try state.runs() {
            if case .missing = try run.header() { continue }
            let report = try AuditVerifier(state).verify(run)
            let findings = report.findings.filter { !mayBeCut || $0.problem != cut }
            #expect(findings.map(\.description) == [], "\(place)")
        }
        guard let run else { return }
        let reader = try #require(try state.run(run))
        let chain = try reader.records()
        var known: [AuditHead] = []
        do {
            while let record = try chain.next() { known.append(record.head) }
        } catch {
            guard mayBeCut, error.cause.hasSuffix(cut) else { throw error }
        }
        for head in heads { #expect(known.contains(head), "\(place)") }
        for step in steps {
            #expect(try reader.checkpoint(of: step).content?.completion == .applied, "\(place)")
        }
        for (step, file) in try reader.checkpoints() { #expect(file.content != nil, "\(place): \(step)") }
    }

    /// Lets another process finish what this one left; it must not do finished steps again.
    func goOn(in path: String, _ place: String, environment: [String: String] = [:]) throws {
        let finished = try runToEnd(helper, ["run", path], environment: environment)
        #expect(finished.status == 0, "\(place): \(finished.lines)")
        let again = Promises(finished.lines)
        #expect(again.isDone, "\(place)")
        // A run whose outcome was in place already is followed by a new one.
        if again.run == run { #expect(Set(again.steps).isDisjoint(with: steps), "\(place)") }
        try again.judge(StateDirectory.reading(path), "\(place), resumed")
    }
}
