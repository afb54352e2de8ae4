public import ClientKit
import Kubernetes

/// A step whose check needs HTTP probes from the nodes.
public protocol PageAsker: Step {
    /// The probes that its check needs from `node`.
    func probes(_ site: SiteReader, from node: NodeReader) async throws -> [HTTPProbe]
}

extension Module {
    /// Reads once for all steps, and returns everything that would stop one of them; the programs on the nodes are looked
    /// for only where a step has objects or probes of its own.
    ///
    /// Throws if a host is lost, since the caller may have another one.
    public func runPreflight(_ site: SiteReader) async throws -> [any ExplainedError] {
        // What an attempt through another master read is older than what is known of the lease now.
        await site.prefetch.discard()
        await site.generated.forget()
        let isRead = try await readingAhead(for: site) { try await surveyCluster(site) }
        // The module's own questions go to the data services, and to the cluster as it was read.
        async let problems = preflight(site)
        if isRead { try await readingAhead(for: site) { try await compareAndSurveyNodes(site) } }
        let missing = readsAhead ? await site.missingPrograms() : []
        return await missing + problems
    }

    /// Reads once for all checks, then checks whether the module is healthy; the result includes
    /// hosts that do not respond.
    ///
    /// Throws if a host is lost, since the caller may have another one.
    public func examine(_ site: SiteReader) async throws -> [Diagnosis] {
        try await site.cluster.requireReady()
        try await readingAhead(for: site) {
            try await surveyCluster(site)
            try await compareAndSurveyNodes(site)
        }
        let hosts =
            site.nodes.map { Diagnosis.ok("\($0.name) over SSH", "responds at \($0.address)") }
            + site.absentNodes.map { .failed("\($0.name) over SSH", $0.failure.cause, remedy: $0.failure.remedy) }
        return hosts + (await diagnose(site))
    }

    private var readsAhead: Bool { steps.contains { $0 is any ObjectOwner || $0 is any PageAsker } }

    /// Reads for the steps, where there are some that need it; whether all of it could be read.
    ///
    /// What could not is read again by the step or the check that needs it, which reports why.
    @discardableResult
    private func readingAhead(for site: SiteReader, _ read: () async throws -> Void) async throws -> Bool {
        guard readsAhead else { return false }
        do {
            try await read()
            return true
        } catch {
            await site.prefetch.discard()
            guard let error = error as? any ExplainedError, error.kind != .unreachable else { throw error }
            return false
        }
    }

    /// Takes two commands on the master, and one for each image.
    private func surveyCluster(_ site: SiteReader) async throws {
        // The objects name images by their digests: the registry is asked while the cluster is.
        async let registry = site.registryAnswers()
        async let version = site.serverVersion()
        try await site.cluster.makeSurvey(of: site.application.namespace)
        _ = try await (registry, version)
    }

    /// Takes one command on the master, and one on each node.
    private func compareAndSurveyNodes(_ site: SiteReader) async throws {
        async let objects: Void = compareObjects(site)
        async let nodes: Void = surveyNodes(site)
        _ = try await (objects, nodes)
    }

    private func compareObjects(_ site: SiteReader) async throws {
        var desired: [any Manifest] = []
        for case let step as any ObjectOwner in steps { desired += try await step.desired(site) }
        let differences = try await site.cluster.compare(desired) { warning in
            site.reporter.warns(
                "\(warning.reference): the API server warns: \(warning.text)",
                about: .thing(Change.Subject(warning.reference), words: warning.text))
        }
        await site.prefetch.remember(desired: desired, differences: differences)
    }

    private func surveyNodes(_ site: SiteReader) async throws {
        let askers = steps.compactMap { $0 as? any PageAsker }
        _ = try await site.onEveryNode("inspect the Kubernetes nodes") { node in
            var probes: [HTTPProbe] = []
            for step in askers { probes += try await step.probes(site, from: node) }
            try await node.makeSurvey(probes: probes)
        }
    }
}

extension SiteReader {
    /// The programs that steps run on the nodes and that are not there.
    fileprivate func missingPrograms() async -> [any ExplainedError] {
        let attempt = "find the programs that the steps use"
        do {
            let missing = try await onEveryNode(attempt) { node in
                try await node.missingPrograms(
                    among: ["curl", "flock"] + (node.name == master.name ? ["kubectl"] : []))
            }
            return missing.filter { !$0.answer.isEmpty }.map { node, programs in
                StepFailure(
                    attempt, host: node.name, cause: "\(programs.joined(separator: ", ")) not found on the PATH",
                    remedy: "install them: apt-get install curl util-linux kubectl")
            }
        } catch {
            return [error as? any ExplainedError ?? StepFailure(attempt, cause: "\(error)", remedy: "report this")]
        }
    }
}
