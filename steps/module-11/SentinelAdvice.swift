import StepKit

/// What is known about Chatwoot's images and Sentinels.
enum SentinelAdvice {
    /// redis-client 0.26.4, of March 2026, fixed it; earlier images have an older one.
    private static let firstRelease = (major: 4, minor: 12)

    /// Warns if the pods should query Sentinels and the image's tag is that of a release whose
    /// client cannot.
    static func warn(_ site: SiteReader) {
        guard site.inventory.redis.sentinel?.isForPods == true, let tag = site.inventory.chatwoot.image.tag,
            isTooOld(tag)
        else { return }
        site.reporter.warns(
            "Chatwoot's own image \(tag) has a Redis client that cannot use Sentinels (chatwoot/chatwoot#13689): unless "
                + "this image has redis-client 0.26.4 or later, \(withoutSentinels)")
    }

    /// What to do if it cannot.
    static let remedy: Remedy =
        "use an image with redis-client 0.26.4 or later, or \(withoutSentinels); then \(.run)"

    private static let withoutSentinels =
        "set redis.sentinel.pods to false in the inventory, with a redis.host that leads to the master"

    /// Whether a tag such as `v3.12.0` is that of such a release; false for a tag that is not a
    /// version.
    static func isTooOld(_ tag: String) -> Bool {
        guard let version = tag.wholeMatch(of: /v?([0-9]+)\.([0-9]+)(\..*|-.*)?/), let major = Int(version.1),
            let minor = Int(version.2)
        else { return false }
        return (major, minor) < firstRelease
    }
}
