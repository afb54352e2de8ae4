public import ClientKit
public import Kubernetes

/// A step that asks the nodes for pages.
public protocol PageAsker: Step {
    /// The pages that its check asks `node` for.
    func probes(_ site: SiteReader, from node: NodeReader) async throws -> [HTTPProbe]
}

/// What was seen before the first step, for all steps at once, so that a run with nothing to do needs few commands.
///
/// Holds from the beginning of a run until its first change; a step that comes later looks for itself again.
actor LookAhead {
    /// Everything of the module's namespace.
    nonisolated let cluster = ClusterSurvey()
    private var nodes: [String: NodeSurvey] = [:]
    private var known: [ObjectReference: (desired: Kubernetes.JSONValue, difference: ObjectDifference?)] = [:]

    func remember(_ desired: [any Manifest], _ differences: [ObjectDifference]) {
        let differing = Dictionary(differences.map { ($0.reference, $0) }) { first, _ in first }
        for manifest in desired {
            known[manifest.reference] = (manifest.json(), differing[manifest.reference])
        }
    }

    func forget() async {
        known = [:]
        await cluster.forget()
        for survey in nodes.values { await survey.forget() }
    }

    /// The survey of the node called `name`, the same one each time.
    func survey(ofNode name: String) -> NodeSurvey {
        let survey = nodes[name, default: NodeSurvey()]
        nodes[name] = survey
        return survey
    }

    /// The differences of `desired`, where every object of it was looked at in this very form.
    func differences(of desired: [any Manifest]) -> [ObjectDifference]? {
        var differences: [ObjectDifference] = []
        for manifest in desired {
            guard let found = known[manifest.reference], found.desired == manifest.json() else { return nil }
            if let difference = found.difference { differences.append(difference) }
        }
        return differences
    }
}

extension Module {
    /// Looks ahead for all steps at once, then for everything that would stop one of them, and
    /// returns that.
    ///
    /// Throws where a host is lost: the caller may know another one.
    public func runPreflight(_ site: SiteReader) async throws -> [any ExplainedError] {
        do {
            try await lookAhead(site)
        } catch let error as any ExplainedError where error.kind != .unreachable {
            // What was not seen is looked at, and its trouble told, by the preflight or the step that needs it.
        }
        return await preflight(site)
    }

    /// Looks ahead, then tells whether the module is well; hosts that are not there are part of the answer.
    ///
    /// Throws where a host is lost: the caller may know another one.
    public func examine(_ site: SiteReader) async throws -> [Diagnosis] {
        try await site.cluster.requireReady()
        do {
            try await lookAhead(site)
        } catch let error as any ExplainedError where error.kind != .unreachable {
            // What was not seen is asked, and its trouble told, by the question that needs it.
        }
        let hosts =
            site.nodes.map { Diagnosis.ok("\($0.name) over SSH", "answers as \($0.address)") }
            + site.absentNodes.map { .failed("\($0.name) over SSH", $0.failure.cause, remedy: $0.failure.remedy) }
        return hosts + (await diagnose(site))
    }

    /// Two commands through the master, and one for each node.
    private func lookAhead(_ site: SiteReader) async throws {
        guard steps.contains(where: { $0 is any ObjectOwner || $0 is any PageAsker }) else { return }
        do {
            // The objects name the image by its digest: the registry is asked while the cluster is.
            async let registry = site.registryAnswer()
            try await site.cluster.makeSurvey(of: site.inventory.chatwoot.namespace)
            _ = try await registry
            async let objects: Void = lookAtObjects(site)
            async let nodes: Void = lookAtNodes(site)
            _ = try await (objects, nodes)
        } catch {
            await site.lookAhead.forget()
            throw error
        }
    }

    private func lookAtObjects(_ site: SiteReader) async throws {
        var desired: [any Manifest] = []
        for case let step as any ObjectOwner in steps { desired += try await step.desired(site) }
        let differences = try await site.cluster.compare(desired) { warning in
            site.reporter.warns(
                "\(warning.reference): the API server warns: \(warning.text)",
                about: .thing(Change.Subject(warning.reference), words: warning.text))
        }
        await site.lookAhead.remember(desired, differences)
    }

    private func lookAtNodes(_ site: SiteReader) async throws {
        let askers = steps.compactMap { $0 as? any PageAsker }
        _ = try await site.onEveryNode("look at the Kubernetes nodes") { node in
            var probes: [HTTPProbe] = []
            for step in askers { probes += try await step.probes(site, from: node) }
            try await node.makeSurvey(probes: probes)
        }
    }
}

extension SiteReader {
    /// What applying `desired` would change, in words.
    public func changes(towards desired: [any Manifest]) async throws -> [Change] {
        let known = await lookAhead.differences(of: desired)
        let differences: [ObjectDifference] =
            if let known { known } else { try await cluster.compare(desired) }
        return differences.flatMap(\.changes)
    }

    /// Forgets what was seen before the first step, since something is about to change.
    public func forgetLookAhead() async {
        await lookAhead.forget()
    }
}

extension ObjectDifference {
    /// The difference as changes of a plan.
    var changes: [Change] {
        let certainty: StepKit.Certainty = certainty == .proved ? .proved : .predicted
        let subject = Change.Subject(reference)
        let whole = headline.map { words in
            Change(words, certainty, kind == .replace ? .replace : .create, subject)
        }
        return (whole.map { [$0] } ?? []) + zip(fieldLines, fields).map { Change($0, certainty, subject, $1) }
    }
}

extension Change {
    /// The difference of one field, worded by `words`, which also say who set it and when.
    fileprivate init(_ words: String, _ certainty: StepKit.Certainty, _ subject: Subject, _ field: FieldDifference) {
        let action: Action =
            switch (field.old, field.new) {
            case (nil, _?): .create
            case (_?, nil): .remove
            default: .change
            }
        self.init(
            words, certainty, action, subject, field: field.path, old: field.old, new: field.new,
            startingPoint: field.startingPoint)
    }
}
