import Kubernetes
import StepKit
import Testing

@testable import Steps

/// Whose migration a database has, by the record of it and by what nodes pulled.
@Suite struct SchemaRecordTests {
    private static let first = "sha256:" + String(repeating: "a", count: 64)
    private static let second = "sha256:" + String(repeating: "b", count: 64)

    private static func author(_ record: [String: String], pulled: Set<String> = []) throws -> SchemaRecord.Author {
        let reference = try #require(ImageReference("ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.1"))
        return SchemaRecord.author(
            of: record, wanted: ResolvedImage(reference, digest: first, source: .registry), pulled: pulled)
    }

    @Test func anImageIsKnownByItsDigest() throws {
        #expect(
            try Self.author(["image": "ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.1", "digest": Self.first]) == .wanted)
        // A copy in another registry is the same image.
        #expect(try Self.author(["image": "chatwoot/chatwoot:v4.0.1", "digest": Self.first]) == .wanted)
    }

    @Test func theSameTagOfAnotherRegistryIsAnotherImage() throws {
        #expect(
            try Self.author(["image": "chatwoot/chatwoot:v4.0.1", "digest": Self.second])
                == .other("chatwoot/chatwoot:v4.0.1 has migrated it so far"))
        // As earlier versions recorded it.
        #expect(
            try Self.author(["image": "chatwoot/chatwoot:v4.0.1"])
                == .other("chatwoot/chatwoot:v4.0.1 has migrated it so far"))
    }

    @Test func aTagThatWasPushedAgainIsAnotherImage() throws {
        let image = "ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.1"
        let pushed = SchemaRecord.Author.other(
            "\(image) was pushed again: sha256:bbbbbbbbbbbb → sha256:aaaaaaaaaaaa")
        #expect(try Self.author(["image": image, "digest": Self.second]) == pushed)
        #expect(try Self.author(["image": image], pulled: [Self.second]) == pushed)
    }

    @Test func recordsWithoutADigestGoByWhatNodesPulled() throws {
        let image = "ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.1"
        #expect(try Self.author(["image": image], pulled: [Self.first]) == .wanted)
        #expect(try Self.author(["image": image]) == .unknown)
        #expect(
            try Self.author(["image": image], pulled: [Self.first, Self.second])
                == .other("pods run several images of this name"))
        #expect(try Self.author([:]) == .unknown)
    }

    private static func pod(_ image: String, _ imageID: String) -> JSONValue {
        [
            "kind": "Pod", "metadata": ["name": "chatwoot-web-1", "labels": ["component": "web"]],
            "spec": [
                "containers": [
                    ["name": "web", "image": .string(image)], ["name": "proxy", "image": "istio/proxyv2:1"],
                ]
            ],
            "status": [
                "phase": "Running",
                "containerStatuses": [
                    ["name": "proxy", "imageID": .string("docker.io/istio/proxyv2@\(first)")],
                    ["name": "web", "image": "sha256:0123", "imageID": .string(imageID)],
                ],
            ],
        ]
    }

    /// `imageID` of Kubernetes 1.34 with containerd; the other forms are those of Docker and of an image that was only loaded.
    @Test(arguments: [
        ("ghcr.io/a/b@" + second, second), ("docker-pullable://ghcr.io/a/b@" + second, second),
        ("sha256:" + String(repeating: "c", count: 64), nil), ("", nil),
    ]) func readsWhatNodesPulled(_ imageID: String, _ digest: String?) throws {
        let reference = try #require(ImageReference("ghcr.io/a/b:v1"))
        let found = KnownImage.pulled(reference, in: [Self.pod("ghcr.io/a/b:v1", imageID)])
        #expect(found == Set(digest.map { [$0] } ?? []))
        #expect(KnownImage.pulled(reference, in: [Self.pod("ghcr.io/a/b:v2", imageID)]).isEmpty)
    }

    private static func deployment(_ image: String) -> JSONValue {
        [
            "kind": "Deployment", "metadata": ["name": "chatwoot-web"],
            "spec": ["template": ["spec": ["containers": [["name": "web", "image": .string(image)]]]]],
        ]
    }

    @Test func theClusterKnowsTheDigestOfAnImageThatItRuns() throws {
        let reference = try #require(ImageReference("ghcr.io/a/b:v1"))
        let record: JSONValue = [
            "kind": "ConfigMap", "metadata": ["name": "chatwoot-schema"],
            "data": ["image": "ghcr.io/a/b:v1", "digest": .string(Self.first)],
        ]
        let pod = Self.pod("ghcr.io/a/b:v1", "ghcr.io/a/b@\(Self.second)")
        let pinned = Self.deployment("ghcr.io/a/b:v1@\(Self.second)")
        #expect(KnownImage.digest(of: reference, in: [record, pinned]) == Self.second)
        #expect(KnownImage.digest(of: reference, in: [record, Self.deployment("ghcr.io/a/b:v1"), pod]) == Self.second)
        #expect(
            KnownImage.digest(of: reference, in: [record, Self.deployment("ghcr.io/a/b:v2@\(Self.second)")])
                == Self.first)
        #expect(KnownImage.digest(of: reference, in: [Self.deployment("ghcr.io/other:v1@\(Self.second)")]) == nil)
        #expect(KnownImage.digest(of: reference, in: []) == nil)
    }

    /// Rails: `MIGRATOR_SALT * Zlib.crc32(current_database)`.
    @Test(arguments: [("chatwoot", 1_284_191_798), ("chatwoot_production", 2_410_052_488), ("", 0)])
    func knowsTheLockOfRailsMigrations(_ database: String, _ sum: Int64) {
        #expect(MigrationSessions.migrationLock(of: database) == 2_053_462_845 * sum)
    }
}
