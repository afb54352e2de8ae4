public import ClientKit
import Kubernetes

/// A step whose check needs HTTP probes from the nodes.
public protocol PageAsker: Step {
    /// The probes that its check needs from `node`.
    func probes(_ site: SiteReader, from node: NodeReader) async throws -> [HTTPProbe]
}

extension Module {
    /// Reads once for all steps, then returns everything that would stop one of them.
    ///
    /// Throws if a host is lost, since the caller may have another one.
    public func runPreflight(_ site: SiteReader) async throws -> [any ExplainedError] {
        do {
            try await prefetch(site)
        } catch let error as any ExplainedError where error.kind != .unreachable {
            // What could not be read is read again by the preflight or the step that needs it,
            // which reports why.
        }
        return await preflight(site)
    }

    /// Reads once for all checks, then checks whether the module is healthy; the result includes
    /// hosts that do not respond.
    ///
    /// Throws if a host is lost, since the caller may have another one.
    public func examine(_ site: SiteReader) async throws -> [Diagnosis] {
        try await site.cluster.requireReady()
        do {
            try await prefetch(site)
        } catch let error as any ExplainedError where error.kind != .unreachable {
            // What could not be read is read again by the check that needs it, which reports why.
        }
        let hosts =
            site.nodes.map { Diagnosis.ok("\($0.name) over SSH", "responds at \($0.address)") }
            + site.absentNodes.map { .failed("\($0.name) over SSH", $0.failure.cause, remedy: $0.failure.remedy) }
        return hosts + (await diagnose(site))
    }

    /// Takes two commands on the master, and one on each node.
    private func prefetch(_ site: SiteReader) async throws {
        guard steps.contains(where: { $0 is any ObjectOwner || $0 is any PageAsker }) else { return }
        do {
            // The objects name images by their digests: the registry is asked while the cluster is.
            async let registry = site.registryAnswers()
            try await site.cluster.makeSurvey(of: site.application.namespace)
            _ = try await registry
            async let objects: Void = compareObjects(site)
            async let nodes: Void = surveyNodes(site)
            _ = try await (objects, nodes)
        } catch {
            await site.prefetch.discard()
            throw error
        }
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
