public import Kubernetes

/// How the cluster differs from what all steps want, found with two commands before the first step instead of two a step.
///
/// Holds from the beginning of a run until its first change; a step that comes later looks for itself again.
actor LookAhead {
    private var known: [ObjectReference: (desired: Kubernetes.JSONValue, difference: ObjectDifference?)] = [:]

    func remember(_ desired: [any Manifest], _ differences: [ObjectDifference]) {
        let differing = Dictionary(differences.map { ($0.reference, $0) }) { first, _ in first }
        for manifest in desired {
            known[manifest.reference] = (manifest.json(), differing[manifest.reference])
        }
    }

    func forget() {
        known = [:]
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
    /// Compares the cluster with what all steps want at once.
    ///
    /// Where that fails nothing is lost: each step then looks for itself, and its own failure is told.
    public func lookAhead(_ site: ReadableSite) async {
        do {
            var desired: [any Manifest] = []
            for case let step as any ObjectOwner in steps { desired += try await step.desired(site) }
            await site.lookAhead.remember(desired, try await site.cluster.compare(desired))
        } catch {
            await site.lookAhead.forget()
        }
    }
}

extension ReadableSite {
    /// What applying `desired` would change, in words.
    public func changes(towards desired: [any Manifest]) async throws -> [Change] {
        let known = await lookAhead.differences(of: desired)
        let differences: [ObjectDifference] =
            if let known { known } else { try await cluster.compare(desired) }
        return differences.flatMap(\.changes)
    }

    /// Forgets what was found before the first step, since something is about to change.
    public func forgetLookAhead() async {
        await lookAhead.forget()
    }
}

extension ObjectDifference {
    /// The difference as changes of a plan.
    var changes: [Change] {
        words.map { Change($0, certainty == .proved ? .proved : .predicted) }
    }
}
