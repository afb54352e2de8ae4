import ClientKit
import Foundation
import SSH
import Synchronization
import Testing

@testable import StepKit

@Suite(.timeLimit(.minutes(3))) struct RegistryProofTests {
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
        let text = try InventorySample.changed([
            (
                #""server": "ghcr.io", "caFile": "/var/lib/keybuzz-lab/registry/ca.pem""#,
                #""server": "localhost:\#(port)", "caFile": "\#(authority)""#
            ),
            ("ghcr.io/keybuzzio/", "localhost:\(port)/keybuzzio/"),
        ])
        let warnings = Mutex<[String]>([])
        let site = SiteSample.readable(
            try InventorySample.parse(text), registry: RegistryCredentials(username: "keybuzz", token: Secret(token)),
            shell: shell
        ) { warning in warnings.withLock { $0.append(warning) } }
        try await RegistryProof(site).require()
        return warnings.withLock { $0 }
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
