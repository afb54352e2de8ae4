/// A reference to a container image: `registry/repository:tag`, `…@sha256:digest`, or both.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// The registry's host or host:port; `docker.io` if the reference names none.
    public let registry: String
    /// The path within the registry, such as `keybuzzio/support`; Docker Hub's official images are
    /// in `library`.
    public let repository: String
    /// The tag, if there is one.
    public let tag: String?
    /// The digest with its algorithm, `sha256:…`, if there is one.
    public let digest: String?
    /// The reference as it was written.
    public let description: String

    /// The host that serves the registry's API, which for Docker Hub differs from its name.
    public var endpoint: String { registry == Self.dockerHub ? "registry-1.docker.io" : registry }

    /// The reference in the pods' manifests, `…:tag@sha256:…`; a node pulls by the digest alone.
    public func pinned(to digest: String) -> String {
        "\(description.prefix { $0 != "@" })@\(digest)"
    }

    /// The name of a registry's entry in a pull Secret, which for Docker Hub differs from the one
    /// in its image names.
    public static func credentialsKey(ofRegistry server: String) -> String {
        server == dockerHub ? "https://index.docker.io/v1/" : server
    }

    /// The registry's own name, whichever of its aliases was written.
    static func canonical(registry: String) -> String { registry == "index.docker.io" ? dockerHub : registry }

    private static let dockerHub = "docker.io"

    /// Reads a reference; nil if it is malformed or has neither a tag nor a digest.
    public init?(_ text: String) {
        do {
            try self.init(parsing: text)
        } catch {
            return nil
        }
    }

    private init(repository: String) {
        (registry, self.repository, tag, digest, description) = ("", repository, nil, nil, repository)
    }

    static let placeholder = ImageReference(repository: "")

    init(parsing text: String) throws(Mistake) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        digest = halves.count == 2 ? String(halves[1]) : nil
        if let digest, !Self.isDigest(digest) {
            throw Mistake("has a bad digest: must be sha256: and 64 hexadecimal digits, in \(shown(text))")
        }
        var components = (halves.first ?? "").split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if components.count > 1, let first = components.first, first.contains(/[.:]/) || first == "localhost" {
            guard Self.isRegistry(first) else {
                throw Mistake("has a bad registry \(shown(first)) in \(shown(text))")
            }
            registry = Self.canonical(registry: components.removeFirst())
        } else {
            registry = Self.dockerHub
        }
        let last = components.removeLast().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        components.append(String(last.first ?? ""))
        tag = last.count == 2 ? String(last[1]) : nil
        if let tag, tag.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}/) == nil {
            throw Mistake("has a bad tag \(shown(tag)) in \(shown(text))")
        }
        for component in components
        where component.wholeMatch(of: /[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*/) == nil {
            throw Mistake("has a bad repository part \(shown(component)) in \(shown(text))")
        }
        guard tag != nil || digest != nil else {
            throw Mistake("names neither a tag nor a digest: \(shown(text))")
        }
        if registry == Self.dockerHub, components.count == 1 { components.insert("library", at: 0) }
        repository = components.joined(separator: "/")
        guard repository.utf8.count <= 255 else {
            throw Mistake("has a repository of more than 255 characters: \(shown(text))")
        }
        description = text
    }

    /// Whether `text` is a digest with its algorithm.
    public static func isDigest(_ text: String) -> Bool { text.wholeMatch(of: /sha256:[0-9a-f]{64}/) != nil }

    /// Whether `text` can be the part of a reference before the first slash.
    static func isRegistry(_ text: String) -> Bool {
        guard let match = text.wholeMatch(of: /([a-z0-9][a-z0-9.\-]*[a-z0-9])(:([0-9]{1,5}))?/) else {
            return false
        }
        let portIsValid = match.3.map { (1...65535).contains(Int($0) ?? 0) } ?? true
        let named = match.1.contains(".") || match.1 == "localhost" || match.2 != nil
        return portIsValid && named && !match.1.contains("..")
    }
}

extension Rule<ImageReference> {
    /// A container image.
    package static var image: Rule {
        .string(placeholder: .placeholder) { (text) throws(Mistake) in try ImageReference(parsing: text) }
    }
}
