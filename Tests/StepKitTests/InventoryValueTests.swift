import Testing

@testable import StepKit

@Suite struct InventoryValueTests {
    @Test(arguments: [
        "10.0.0.0/8/8", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0/24", "/8", "", "::1/64", "fd00::/129",
        "10.0.0.0/ 8",
    ])
    func whatIsNoNetworkIsRefused(_ text: String) {
        #expect(CIDR(text) == nil)
    }

    @Test(arguments: [
        ("10.96.0.0/12", "10.96.0.0", true), ("10.96.0.0/12", "10.111.255.255", true),
        ("10.96.0.0/12", "10.112.0.0", false),
        ("10.96.0.0/12", "10.95.255.255", false), ("0.0.0.0/0", "255.255.255.255", true),
        ("10.0.0.1/32", "10.0.0.1", true),
        ("10.0.0.1/32", "10.0.0.0", false), ("fd00::/9", "fd7f::1", true), ("fd00::/9", "fd80::", false),
        ("::/0", "10.0.0.1", false), ("0.0.0.0/0", "::1", false),
    ])
    func aNetworkContainsItsAddressesOnly(network: String, address: String, isInside: Bool) throws {
        #expect(try #require(CIDR(network)).contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: [
        ("10.0.0.0/16", "10.0.128.0/17", true), ("10.0.0.0/16", "10.1.0.0/16", false),
        ("10.233.64.0/18", "10.233.0.0/18", false),
        ("10.0.0.0/8", "10.0.0.0/8", true), ("0.0.0.0/0", "fd00::/8", false),
    ])
    func overlapIsSymmetric(first: String, second: String, overlap: Bool) throws {
        let (one, other) = (try #require(CIDR(first)), try #require(CIDR(second)))
        #expect(one.overlaps(other) == overlap)
        #expect(other.overlaps(one) == overlap)
    }

    @Test func addressesAreEqualHoweverTheyAreWritten() {
        #expect(IPAddress("fd00::1") == IPAddress("fd00:0:0::1"))
        #expect(IPAddress("10.0.0.1\0") == nil)
        #expect(IPAddress("fe80::1%eth0") == nil)
    }

    @Test(arguments: [
        "a", "a:", ":a", "a@", "@sha256:", "ghcr.io/", "ghcr.io/a:b:c", "ghcr.io:70000/a:b", "ghcr.io/a//b:c",
        "ghcr.io/a b:c",
        "-a.io/a:b", "ghcr.io/a:-b", "https://ghcr.io/a:b", "", "Chatwoot/chatwoot:v4", "GHCR.io/a:b", "ghcr.io/A:b",
        "ghcr.io/a@sha256:ABCDEF", "ghcr.io/a:b@md5:00", "ghcr.io/a@sha256:00:b",
    ])
    func whatIsNoImageIsRefused(_ text: String) {
        #expect(ImageReference(text) == nil)
    }

    @Test(arguments: [
        ("ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", "ghcr.io", "keybuzzio/chatwoot-keybuzz", "v3.12.0"),
        ("localhost:5000/a:b", "localhost:5000", "a", "b"), ("registry:5000/a/b__c:1", "registry:5000", "a/b__c", "1"),
        ("chatwoot/chatwoot:v3", "docker.io", "chatwoot/chatwoot", "v3"), ("a:b", "docker.io", "library/a", "b"),
        ("docker.io/a:b", "docker.io", "library/a", "b"), ("index.docker.io/c/a:b", "docker.io", "c/a", "b"),
        ("docker.io/library/a:b", "docker.io", "library/a", "b"), ("localhost/a:b", "localhost", "a", "b"),
        ("ghcr.io/a:b", "ghcr.io", "a", "b"), ("10.0.0.30:5000/a:b", "10.0.0.30:5000", "a", "b"),
    ])
    func anImageFallsIntoItsParts(text: String, registry: String, repository: String, tag: String) throws {
        let image = try #require(ImageReference(text))
        #expect(image.registry == registry)
        #expect(image.repository == repository)
        #expect(image.tag == tag)
        #expect(image.digest == nil)
        #expect(image.description == text)
    }

    @Test func anImageMayHaveTagAndDigest() throws {
        let digest = "sha256:" + String(repeating: "0f", count: 32)
        let image = try #require(ImageReference("ghcr.io/a/b:v1@\(digest)"))
        #expect(image.tag == "v1")
        #expect(image.digest == digest)
        #expect(image.pinned(to: digest) == image.description)
    }

    @Test func aDigestIsPutBehindTheTagOrInPlaceOfAnother() throws {
        let (one, other) = (
            "sha256:" + String(repeating: "1", count: 64), "sha256:" + String(repeating: "2", count: 64)
        )
        #expect(ImageReference("registry:5000/a/b:v1")?.pinned(to: one) == "registry:5000/a/b:v1@\(one)")
        #expect(ImageReference("chatwoot:v1")?.pinned(to: one) == "chatwoot:v1@\(one)")
        #expect(ImageReference("registry:5000/a/b@\(one)")?.pinned(to: other) == "registry:5000/a/b@\(other)")
    }

    @Test func dockerHubIsAskedAtAHostOfItsOwn() throws {
        #expect(ImageReference("chatwoot/chatwoot:v4")?.endpoint == "registry-1.docker.io")
        #expect(ImageReference("ghcr.io/a/b:v1")?.endpoint == "ghcr.io")
        #expect(ImageReference.credentialsKey(ofRegistry: "docker.io") == "https://index.docker.io/v1/")
        #expect(ImageReference.credentialsKey(ofRegistry: "localhost:5000") == "localhost:5000")
    }

    @Test(arguments: ["", "m", "-1", "1.m", ".5", "1e3", "1 Gi", "1g", "1.2345", "٣"])
    func whatIsNoAmountIsRefused(_ text: String) {
        #expect(Quantity(text) == nil)
    }

    @Test func amountsCompareByValue() throws {
        #expect(Quantity("1000m") == Quantity("1"))
        #expect(Quantity("0.5") == Quantity("500m"))
        #expect(Quantity("1024Mi") == Quantity("1Gi"))
        #expect(Set([Quantity("2000m"), Quantity("2")]).count == 1)
        #expect(try #require(Quantity("1G")) < #require(Quantity("1Gi")))
    }
}
