/// Which container image to run: `registry/repository:tag`, `…@sha256:digest`, or both.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// The registry's host or host:port; `docker.io` where the reference names none.
    public let registry: String
    /// The path within the registry, such as `keybuzzio/chatwoot-keybuzz`.
    public let repository: String
    /// The tag, where there is one.
    public let tag: String?
    /// The digest with its algorithm, `sha256:…`, where there is one.
    public let digest: String?
    /// The reference as it was written, which is what manifests carry.
    public let description: String

    /// Reads a reference; nil when it is malformed or names neither a tag nor a digest.
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
        if let digest, digest.wholeMatch(of: /sha256:[0-9a-f]{64}/) == nil {
            throw Mistake("has a bad digest: must be sha256: and 64 hexadecimal digits, in \(shown(text))")
        }
        var components = (halves.first ?? "").split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if components.count > 1, let first = components.first, first.contains(/[.:]/) || first == "localhost" {
            guard Self.isRegistry(first) else {
                throw Mistake("has a bad registry \(shown(first)) in \(shown(text))")
            }
            registry = components.removeFirst()
        } else {
            registry = "docker.io"
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
        repository = components.joined(separator: "/")
        description = text
    }

    /// Whether `text` can stand before the first slash of a reference.
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
    static var image: Rule {
        .string(placeholder: .placeholder) { (text) throws(Mistake) in try ImageReference(parsing: text) }
    }
}
