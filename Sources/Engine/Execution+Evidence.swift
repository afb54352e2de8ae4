import ClientKit
import Journal
import StepKit

/// A step's failure together with the files that show how things stood then.
struct EvidencedError: ExplainedError {
    let failure: any ExplainedError
    /// The folder of the files.
    let folder: String
    /// The files' names.
    let files: [String]

    var attempt: String { failure.attempt }
    var host: String? { failure.host }
    var cause: String { failure.cause }
    var remedy: String { failure.remedy }
    var kind: FailureKind { failure.kind }
    var description: String {
        "\(failure.description)\n  evidence in \(folder): \(files.joined(separator: ", "))"
    }
}

extension Execution {
    /// The failure with its evidence, gathered before anything is changed again; the failure alone
    /// where none can be gathered.
    func attachingEvidence(
        to error: RunFailure, of step: any Step, on site: any OpenSite
    ) async -> RunFailure {
        guard case .failed(let failure) = error, failure.kind != .noMaster else { return error }
        // Another run may have the module: what is there now may be its work.
        guard !term.isOver else { return error }
        let reader: SiteReader
        do {
            reader = try await site.site(reporter: .silent).reader
        } catch let worse {
            runner.events(.warning("cannot gather evidence: \(worse)"))
            return error
        }
        runner.events(.stepProgress(step.id, .init("gathering evidence")))
        await reader.forgetPrefetch()
        let files = await save(await gather(from: reader), of: step)
        guard !files.isEmpty else { return error }
        return .failed(
            EvidencedError(failure: failure, folder: "\(journal.path)/evidence/\(step.id)", files: files))
    }

    /// The evidence, or none where that takes too long: a failure must be told, even where the cluster hangs.
    private func gather(from site: SiteReader) async -> [Evidence] {
        let (gather, limit) = (runner.module.evidence, site.inventory.limits.evidence)
        let evidence = await withTaskGroup(of: [Evidence]?.self) { group in
            group.addTask { await gather(site) }
            group.addTask {
                // The sleep ends early when the evidence is there, and when the run is interrupted.
                do { try await Task.sleep(for: limit.duration) } catch {}
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if evidence == nil {
            let why =
                if term.endOfRun != nil {
                    ": the lease was lost meanwhile"
                } else if Task.isCancelled {
                    ": the run was interrupted meanwhile"
                } else {
                    " within \(limit.inWords)"
                }
            runner.events(.warning("the evidence could not be gathered\(why)"))
        }
        return evidence ?? []
    }

    /// The names of the files that could be kept.
    private func save(_ evidence: [Evidence], of step: any Step) async -> [String] {
        var files: [String] = []
        do {
            for file in evidence {
                files.append(
                    try await journal.saveEvidence(
                        file.contents, named: file.name, of: step.id.rawValue))
            }
        } catch {
            runner.events(.warning("the evidence could not be saved: \(error)"))
        }
        return files
    }
}
