import ClientKit

/// An image with its digest: a tag may be pushed again, and two registries may have different
/// images under one tag.
public struct ResolvedImage: Sendable, Hashable, CustomStringConvertible {
    /// Where the digest of the reference comes from.
    public enum Source: Sendable, Hashable {
        /// The inventory names it.
        case inventory
        /// The registry reported it in this run.
        case registry
        /// The registry could not be reached; the cluster already runs the image under this digest.
        case cluster
    }

    /// The reference in the inventory.
    public let reference: ImageReference
    /// The digest with its algorithm, `sha256:…`.
    public let digest: String
    /// Where the digest comes from.
    public let source: Source

    /// Describes an image; see the properties.
    public init(_ reference: ImageReference, digest: String, source: Source) {
        self.reference = reference
        self.digest = digest
        self.source = source
    }

    /// The image name for pods: with the tag for people, and the digest that nodes pull by.
    public var name: String { reference.pinned(to: digest) }
    /// The reference in the inventory.
    public var description: String { reference.description }
    /// The first twelve hexadecimal digits of the digest, for names of objects.
    public var shortDigest: String { Self.short(digest) }

    /// The first twelve hexadecimal digits of `digest`.
    public static func short(_ digest: String) -> String {
        String(digest.split(separator: ":").last?.prefix(12) ?? "")
    }
}

extension SiteReader {
    /// The registry's answer about an image of the module; asked once per run.
    public func registryAnswer(
        about image: Application.Image
    ) async throws -> RegistryProof.Answer {
        try await prefetch.registryAnswer(about: image.reference) {
            try await RegistryProof(self, of: image).ask()
        }
    }

    /// The registry's answers about all images of the module.
    func registryAnswers() async throws -> [RegistryProof.Answer] {
        try await withThrowingTaskGroup(of: RegistryProof.Answer.self) { group in
            for image in application.images {
                group.addTask { try await registryAnswer(about: image) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Throws if the registry refuses the credentials for an image of the module; warns if it
    /// cannot be reached.
    public func requireImages() async throws {
        for image in application.images { try await RegistryProof(self, of: image).require() }
    }

    /// The image that the reference of `wanted` resolves to; the same for the whole run.
    ///
    /// If the registry cannot be reached, `known` may return the digest that the cluster runs for
    /// the same reference. Throws if neither knows it.
    public func resolve(
        _ wanted: Application.Image, orElse known: () async throws -> String?
    ) async throws -> ResolvedImage {
        if let image = await prefetch.images[wanted.reference] { return image }
        let image = try await ask(about: wanted, orElse: known)
        await prefetch.remember(image)
        return image
    }

    private func ask(
        about wanted: Application.Image, orElse known: () async throws -> String?
    ) async throws -> ResolvedImage {
        let reference = wanted.reference
        if let digest = reference.digest { return ResolvedImage(reference, digest: digest, source: .inventory) }
        let answer = try await registryAnswer(about: wanted)
        if case .accepted(let digest) = answer { return ResolvedImage(reference, digest: digest, source: .registry) }
        if let digest = try await known() { return ResolvedImage(reference, digest: digest, source: .cluster) }
        switch answer {
        case .refused(let failure): throw failure
        case .unreachable(let why):
            throw unknown(wanted, cause: "\(reference.registry) cannot be reached: \(why)")
        case .accepted: throw unknown(wanted, cause: "the registry reports no digest")
        }
    }

    private func unknown(_ wanted: Application.Image, cause why: String) -> StepFailure {
        let reference = wanted.reference
        return StepFailure(
            "resolve \(reference) to a digest", host: master.name,
            cause: "\(why), and nothing in the cluster runs that image",
            remedy:
                "allow the masters to connect to \(reference.endpoint), or, where the nodes pull through a mirror, write the "
                + "digest into \(wanted.key) in \(inventory.path): \(reference)@sha256:…")
    }
}
