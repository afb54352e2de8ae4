import ClientKit
import Foundation
import SSH
import Synchronization
import TestSupport
import Testing

@testable import StepKit

@Suite(.timeLimit(.minutes(15))) struct RegistryProofTests {
    static let hostile = [
        #"ghp_plain0123456789"#, #"it's "quoted" and `ticked`"#, #"$HOME $(id) ${x}"#, #"back\slash\n\"#,
        "%41%00 100% +&=?#",
        "ünïcødé 中文 🔑", #"--user; rm -rf / # " \" \\"#, String(repeating: "a'\"\\$", count: 40),
    ]

    @Test(arguments: ["basic", "bearer"], hostile)
    func letsTheRightTokenInAndShowsItToNobody(_ scheme: String, _ token: String) async throws {
        let registry = try await StandInRegistry(.init(scheme, token: token))
        #expect(try await Self.prove(registry, token: token) == [])
        let requests = try registry.requests()
        #expect(requests.last?.authorization == (scheme == "basic" ? "right" : "bearer"))
        #expect(requests.last?.method == "HEAD")
        #expect(requests.last?.path == "/v2/keybuzzio/chatwoot-keybuzz/manifests/v3.12.0")
        #expect(requests.flatMap(\.leaks) == [])
        #expect(requests.allSatisfy { $0.isEncrypted })
        #expect(!requests.contains { $0.authorization == "wrong" })
        if scheme == "bearer" {
            let exchange = try #require(requests.first { $0.path.hasPrefix("/token") })
            #expect(exchange.authorization == "right")
            let wanted = "/token?service=stand-in&scope=repository%3Akeybuzzio%2Fchatwoot-keybuzz%3Apull"
            #expect(exchange.path.lowercased() == wanted.lowercased())
        }
    }

    /// What containerd pulls for a tag is what its own list of types asks for: an index before the manifest of one platform.
    @Test(arguments: ["basic", "bearer"]) func knowsTheImageByTheDigestThatNodesPull(_ scheme: String) async throws {
        let registry = try await StandInRegistry(.init(scheme, token: "right"))
        let site = try Self.site(registry.port, registry.authority, token: "right")
        let image = try await site.resolve(site.application.images[0]) { nil }
        #expect(image.digest == StandInRegistry.digest)
        #expect(image.source == .registry)
        #expect(image.name == "localhost:\(registry.port)/keybuzzio/chatwoot-keybuzz:v3.12.0@\(image.digest)")
        let accepted = try #require(try registry.requests().last?.accept)
        for kind in ["oci.image.index.v1", "oci.image.manifest.v1"] { #expect(accepted.contains("vnd.\(kind)+json")) }
        for kind in ["manifest.list", "manifest"] {
            #expect(accepted.contains("vnd.docker.distribution.\(kind).v2+json"))
        }
        // Once a run, whoever asks and however many at once.
        let asked = try registry.requests().count
        async let again = site.resolve(site.application.images[0]) { nil }
        async let proof: Void = site.requireImages()
        #expect(try await again == image)
        try await proof
        #expect(try registry.requests().count == asked)
    }

    @Test(arguments: ["basic", "bearer"]) func worksOutADigestThatIsNotTold(_ scheme: String) async throws {
        var behaviour = StandInRegistry.Behaviour(scheme, token: "ghp_plain0123456789")
        behaviour.digest = nil
        behaviour.manifest = #"{"schemaVersion":2}"# + "\n"
        let registry = try await StandInRegistry(behaviour)
        let site = try Self.site(registry.port, registry.authority, token: "ghp_plain0123456789")
        #expect(
            try await site.resolve(site.application.images[0]) { nil }.digest
                == "sha256:659f7e41827e76690689ec414bf5796252f555ba52b34ecadabf1056cfe325f9")
        #expect(try registry.requests().flatMap(\.leaks) == [])
    }

    @Test func takesNoDigestThatIsNone() async throws {
        var behaviour = StandInRegistry.Behaviour("basic", token: "right")
        behaviour.digest = "sha256:12"
        let error = try await Self.failure(try await StandInRegistry(behaviour), token: "right")
        #expect(error.cause.contains("reports no digest (sha256:12)"))
        #expect(error.remedy.contains("@sha256:…"))
    }

    @Test func aDigestOfTheInventoryOutweighsTheTagBesideIt() async throws {
        let registry = try await StandInRegistry(.init("basic", token: "right"))
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        let site = try Self.site(registry.port, registry.authority, token: "right", tag: "v3.12.0@\(digest)")
        let image = try await site.resolve(site.application.images[0]) { nil }
        #expect(image.digest == digest)
        #expect(image.source == .inventory)
        try await site.requireImages()
        #expect(try registry.requests().last?.path.hasSuffix("/manifests/\(digest)") == true)
    }

    @Test func dockerHubIsAskedAtItsRegistrysHost() async throws {
        let registry = try await StandInRegistry(.init("bearer", token: "right"))
        let text = try InventorySample.changed([
            (
                #""server": "ghcr.io", "caFile": "/var/lib/keybuzz-lab/registry/ca.pem""#,
                #""server": "index.docker.io", "caFile": "\#(registry.authority)""#
            ),
            ("ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", "chatwoot:v4"),
        ])
        let shell = RedirectingShell(from: "registry-1.docker.io", to: "localhost:\(registry.port)")
        let site = SiteSample.readable(
            try InventorySample.parse(text), registry: RegistryCredentials(username: "keybuzz", token: Secret("right")),
            shell: shell
        ) { _ in }
        let image = try await site.resolve(site.application.images[0]) { nil }
        #expect(image.name == "chatwoot:v4@\(StandInRegistry.digest)")
        #expect(try registry.requests().last?.path == "/v2/library/chatwoot/manifests/v4")
    }

    /// A registry that cannot be asked changes nothing that runs, and lets nothing new run.
    @Test func whereTheRegistryIsOutOfReachTheClusterMayKnow() async throws {
        let gone: (Int, String)
        do {
            let registry = try await StandInRegistry(.init("basic", token: "right"))
            gone = (registry.port, registry.authority)
        }
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        let site = try Self.site(gone.0, gone.1, token: "right")
        let known = try await site.resolve(site.application.images[0]) { digest }
        #expect(known.digest == digest)
        #expect(known.source == .cluster)
        let error = await #expect(throws: StepFailure.self) {
            let site = try Self.site(gone.0, gone.1, token: "right")
            return try await site.resolve(site.application.images[0]) { nil }
        }
        #expect(error?.cause.contains("cannot be reached") == true)
        #expect(error?.remedy.contains("@sha256:…") == true)
        #expect(error?.kind == .failed)
    }

    @Test(arguments: ["basic", "bearer"]) func refusesAWrongToken(_ scheme: String) async throws {
        let registry = try await StandInRegistry(.init(scheme, token: "the right one"))
        let error = try await Self.failure(registry, token: "the wrong one")
        #expect(error.kind == .refused)
        #expect(error.cause.contains(scheme == "basic" ? "HTTP 401" : "HTTP 403"))
        #expect(error.remedy.contains("read:packages"))
        #expect(!error.description.contains("the wrong one"))
    }

    @Test(arguments: ["basic", "bearer"], [(403, "HTTP 403"), (404, "no such image"), (503, "HTTP 503")])
    func explainsTheRegistrysAnswer(_ scheme: String, _ expected: (status: Int, word: String)) async throws {
        var behaviour = StandInRegistry.Behaviour(scheme, token: "right")
        behaviour.status = expected.status
        let error = try await Self.failure(try await StandInRegistry(behaviour), token: "right")
        #expect(error.cause.contains(expected.word))
        #expect(error.kind == (expected.status == 403 ? .refused : .failed))
    }

    @Test(arguments: [
        "{\n  \"token\" : \"TOKEN\"\n}\n", #"{"access_token":"TOKEN","scope":"pull"}"#,
        #"{"expires_in":300,"token":"TOKEN","access_token":"TOKEN","refresh_token":"other"}"#,
    ]) func readsTokensHoweverTheyAreWritten(_ body: String) async throws {
        var behaviour = StandInRegistry.Behaviour("bearer", token: "right")
        behaviour.tokenBody = body
        let registry = try await StandInRegistry(behaviour)
        #expect(try await Self.prove(registry, token: "right") == [])
        #expect(try registry.requests().last?.authorization == "bearer")
    }

    /// Without its challenge the credentials would go to a registry that takes only tokens, which rejects them.
    @Test(arguments: [429, 500, 503]) func aRegistryThatIsIllRejectsNoCredentials(_ status: Int) async throws {
        var behaviour = StandInRegistry.Behaviour("bearer", token: "right")
        behaviour.firstStatus = status
        let registry = try await StandInRegistry(behaviour)
        let error = try await Self.failure(registry, token: "right")
        #expect(error.cause.contains("HTTP \(status)"))
        #expect(error.kind == .failed)
        #expect(try registry.requests().map(\.authorization) == ["none"])
    }

    @Test func aTokenServerThatIsIllIsNoRefusal() async throws {
        var behaviour = StandInRegistry.Behaviour("bearer", token: "right")
        behaviour.tokenStatus = 503
        let error = try await Self.failure(try await StandInRegistry(behaviour), token: "right")
        #expect(error.cause.contains("HTTP 503"))
        #expect(error.kind == .failed)
    }

    @Test func anAnswerWithoutATokenIsARefusal() async throws {
        var behaviour = StandInRegistry.Behaviour("bearer", token: "right")
        behaviour.tokenBody = "{}"
        #expect(try await Self.failure(try await StandInRegistry(behaviour), token: "right").kind == .refused)
    }

    @Test func credentialsAreNotSentWithoutTLS() async throws {
        var behaviour = StandInRegistry.Behaviour("bearer", token: "right")
        behaviour.realm = "http://PLAIN/token"
        let registry = try await StandInRegistry(behaviour)
        #expect(try await Self.prove(registry, token: "right").count == 1)
        #expect(try registry.requests().allSatisfy { $0.isEncrypted })
        #expect(try !registry.requests().isEmpty)
    }

    @Test func warnsWhereTheRegistryCannotBeReached() async throws {
        let port: Int
        let authority: String
        do {
            let registry = try await StandInRegistry(.init("basic", token: "right"))
            (port, authority) = (registry.port, registry.authority)
        }
        let warnings = try await Self.prove(port, authority, token: "right")
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("localhost:\(port) cannot be reached from k8s-master-01") == true)
    }

    @Test func sendsNothingToARegistryWithAnUnknownAuthority() async throws {
        let (registry, other) = (
            try await StandInRegistry(.init("basic", token: "right")),
            try await StandInRegistry(.init("basic", token: "right"))
        )
        let warnings = try await Self.prove(registry.port, other.authority, token: "right")
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("certificate") == true)
        #expect(try registry.requests().isEmpty)
    }

    @Test func theTokenTravelsOnStandardInputAlone() async throws {
        let registry = try await StandInRegistry(.init("basic", token: "the right one"))
        let shell = LocalShell()
        _ = try await Self.prove(registry.port, registry.authority, token: "the right one", shell: shell)
        let command = try #require(shell.commands.first)
        #expect(shell.commands.count == 1)
        #expect(command.effect == .read)
        #expect(!command.arguments.contains { $0.contains("the right one") })
        #expect(command.environment.isEmpty)
        #expect(String(decoding: command.standardInput, as: UTF8.self) == "user = \"keybuzz:the right one\"\n")
    }

    /// The warnings of a proof that throws nothing.
    private static func prove(_ registry: StandInRegistry, token: String) async throws -> [String] {
        try await prove(registry.port, registry.authority, token: token)
    }

    private static func prove(
        _ port: Int, _ authority: String, token: String, shell: LocalShell = LocalShell()
    ) async throws -> [String] {
        let warnings = Mutex<[String]>([])
        let site = try site(port, authority, token: token, shell: shell) { text in warnings.withLock { $0.append(text) }
        }
        try await site.requireImages()
        return warnings.withLock { $0 }
    }

    private static func site(
        _ port: Int, _ authority: String, token: String, tag: String = "v3.12.0", shell: any RemoteShell = LocalShell(),
        warning: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> SiteReader {
        let text = try InventorySample.changed([
            (
                #""server": "ghcr.io", "caFile": "/var/lib/keybuzz-lab/registry/ca.pem""#,
                #""server": "localhost:\#(port)", "caFile": "\#(authority)""#
            ),
            ("ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", "localhost:\(port)/keybuzzio/chatwoot-keybuzz:\(tag)"),
        ])
        return SiteSample.readable(
            try InventorySample.parse(text), registry: RegistryCredentials(username: "keybuzz", token: Secret(token)),
            shell: shell, warn: warning)
    }

    private static func failure(_ registry: StandInRegistry, token: String) async throws -> StepFailure {
        do {
            Issue.record("it passed with \(try await prove(registry, token: token))")
        } catch let error as StepFailure {
            return error
        }
        throw NoFailure()
    }

    private struct NoFailure: Error {}
}
