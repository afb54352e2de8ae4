import Kubernetes

extension JSONValue {
    /// Whether Chatwoot's own container of a web or worker pod runs an image, called `name`.
    ///
    /// A webhook may have rewritten the name to a mirror's: then the digest that the node pulled
    /// counts. Injected containers are ignored.
    func runs(_ name: String, digest: String) -> Bool {
        guard let own = ownContainer else { return false }
        if own["image"]?.string == name { return true }
        let status = (self["status", "containerStatuses"]?.elements ?? []).first { $0["name"] == own["name"] }
        return status?["imageID"]?.string?.hasSuffix("@\(digest)") == true
    }

    /// The image in the spec of Chatwoot's own container.
    var ownImage: String? { ownContainer?["image"]?.string }

    private var ownContainer: JSONValue? {
        // Each container is named after its component.
        let name = self["metadata", "labels", "component"]
        return (self["spec", "containers"]?.elements ?? []).first { name != nil && $0["name"] == name }
    }
}
