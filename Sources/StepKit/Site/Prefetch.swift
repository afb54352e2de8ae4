import ClientKit
public import Kubernetes

/// What was read before the first step, once for all steps, so that a run with nothing to do needs
/// few commands.
///
/// It is discarded at the run's first change, after which each step reads for itself. Only the API server's version, the
/// registry's answers and the images' digests are kept: all steps of a run deploy the same image.
public actor Prefetch {
    /// Everything of the module's namespace.
    public nonisolated let cluster = ClusterSurvey()
    private var nodes: [String: NodeSurvey] = [:]
    private var known: [ObjectReference: (desired: JSONValue, difference: ObjectDifference?)] = [:]
    /// By the type of the values.
    private var readings = KeyedCache<ObjectIdentifier, any Sendable>()
    private var isForgotten = false
    private var version: ServerVersion?
    private var registry = KeyedCache<ImageReference, RegistryProof.Answer>()
    /// The images of the inventory, once their digests are known.
    private(set) var images: [ImageReference: ResolvedImage] = [:]

    /// Starts empty.
    public init() {}

    /// Discards what a change may have made stale, and stores nothing from now on.
    public func forget() async {
        isForgotten = true
        await discard()
    }

    /// Forgets the images' digests too, where another run may have deployed newer ones since.
    public func forgetImages() {
        registry = KeyedCache()
        images = [:]
    }

    /// Discards what was read where not everything could be.
    func discard() async {
        known = [:]
        // A caller that waits for one in progress still gets it.
        readings = KeyedCache()
        await cluster.forget()
        for survey in nodes.values { await survey.forget() }
    }

    /// The survey of the node `name`, the same one each time.
    public func survey(ofNode name: String) -> NodeSurvey {
        let survey = nodes[name, default: NodeSurvey()]
        nodes[name] = survey
        return survey
    }

    func remember(desired: [any Manifest], differences: [ObjectDifference]) {
        let differing = Dictionary(differences.map { ($0.reference, $0) }) { first, _ in first }
        for manifest in desired {
            known[manifest.reference] = (manifest.json(), differing[manifest.reference])
        }
    }

    /// The differences of `desired`; `nil` unless every object was compared in exactly this form.
    func differences(of desired: [any Manifest]) -> [ObjectDifference]? {
        var differences: [ObjectDifference] = []
        for manifest in desired {
            guard let found = known[manifest.reference], found.desired == manifest.json() else { return nil }
            if let difference = found.difference { differences.append(difference) }
        }
        return differences
    }

    /// The result of `read`, which is called once for all callers until the first change, even
    /// concurrent ones; failures are not kept.
    func value<Value: Sendable>(_ read: @escaping @Sendable () async throws -> Value) async throws -> Value {
        guard !isForgotten else { return try await read() }
        let value = try await readings.value(for: ObjectIdentifier(Value.self), make: read)
        guard let value = value as? Value else { preconditionFailure("kept under another type than \(Value.self)") }
        return value
    }

    func serverVersion(_ cluster: ClusterReader) async throws -> ServerVersion {
        if let version { return version }
        let asked = try await cluster.serverVersion()
        version = asked
        return asked
    }

    func remember(_ image: ResolvedImage) { images[image.reference] = image }

    /// The registry's answer about an image; failures are not kept.
    func registryAnswer(
        about image: ImageReference,
        _ ask: @escaping @Sendable () async throws -> RegistryProof.Answer
    ) async throws -> RegistryProof.Answer {
        try await registry.value(for: image, make: ask)
    }
}
