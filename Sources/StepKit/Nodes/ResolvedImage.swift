import ClientKit

/// An image by its digest: a tag may be pushed again, and two registries may give one tag to two images.
public struct ResolvedImage: Sendable, Hashable, CustomStringConvertible {
    /// Who says which digest the reference stands for.
    public enum Source: Sendable, Hashable {
        /// The inventory names it.
        case inventory
        /// The registry was asked in this run.
        case registry
        /// The registry could not be asked; what the cluster runs had it when it was pulled.
        case cluster
    }

    /// The reference as the inventory has it.
    public let reference: ImageReference
    /// The digest with its algorithm, `sha256:…`.
    public let digest: String
    /// Who says so.
    public let source: Source

    /// Describes an image; see the properties.
    public init(_ reference: ImageReference, digest: String, source: Source) {
        self.reference = reference
        self.digest = digest
        self.source = source
    }

    /// The name that pods carry: a tag for people, and the digest that nodes go by.
    public var name: String { reference.pinned(to: digest) }
    /// The reference as the inventory has it.
    public var description: String { reference.description }
    /// The first twelve hexadecimal digits of the digest, for names of objects.
    public var shortDigest: String { Self.short(digest) }

    /// The first twelve hexadecimal digits of `digest`.
    public static func short(_ digest: String) -> String {
        String(digest.split(separator: ":").last?.prefix(12) ?? "")
    }
}

extension SiteReader {
    /// What the registry says about the image that the inventory wants; asked once a run.
    public func registryAnswer() async throws -> RegistryProof.Answer {
        try await prefetch.registryAnswer { try await RegistryProof(self).ask() }
    }

    /// Which image the inventory wants; the same for the whole run.
    ///
    /// Where the registry cannot be asked, `known` may tell the digest that the cluster has of this very reference. Throws
    /// where nobody knows.
    public func image(orElse known: () async throws -> String?) async throws -> ResolvedImage {
        if let image = await prefetch.image { return image }
        let image = try await resolve(known)
        await prefetch.remember(image: image)
        return image
    }

    private func resolve(_ known: () async throws -> String?) async throws -> ResolvedImage {
        let reference = inventory.chatwoot.image
        if let digest = reference.digest { return ResolvedImage(reference, digest: digest, source: .inventory) }
        let answer = try await registryAnswer()
        if case .accepted(let digest) = answer { return ResolvedImage(reference, digest: digest, source: .registry) }
        if let digest = try await known() { return ResolvedImage(reference, digest: digest, source: .cluster) }
        switch answer {
        case .refused(let failure): throw failure
        case .unreachable(let why): throw unknown(reference, "\(reference.registry) cannot be reached: \(why)")
        case .accepted: throw unknown(reference, "the registry reports no digest")
        }
    }

    private func unknown(_ reference: ImageReference, _ why: String) -> StepFailure {
        StepFailure(
            "find out which image \(reference) is", host: master.name,
            cause: "\(why), and the cluster runs nothing of that name",
            remedy:
                "allow the masters to connect to \(reference.endpoint), or, where the nodes pull through a mirror, write the "
                + "digest into chatwoot.image in \(inventory.path): \(reference)@sha256:…")
    }
}
