import ClientKit
import Foundation
import SSH
import Testing

/// What a file of allowed signers means, beside what ssh-keygen makes of it.
@Suite(.limitedParallelism) struct AllowedSignersTests {
    /// When the signatures are said to be made.
    private static let time = "20260615120000Z"

    @Test(arguments: [
        ("", true), ("namespaces=\"keybuzz-runner\" ", true), ("namespaces=\"git,keybuzz-*\" ", true),
        ("namespaces=\"git\" ", false), ("namespaces=\"*,!keybuzz-runner\" ", false),
        ("namespaces=\"Keybuzz-runner\" ", false), ("valid-after=\"20260601Z\" ", true),
        ("valid-after=\"20260701Z\" ", false), ("valid-before=\"20260701Z\" ", true),
        ("valid-before=\"202606151159Z\" ", false), ("valid-before=\"20260615120001Z\" ", true),
        ("valid-after=\"20260601Z\",valid-before=\"20260701Z\",namespaces=\"keybuzz-runner\" ", true),
        ("namespaces=\"keybuzz-runner\",valid-before=\"20260101Z\" ", false), ("cert-authority ", false),
    ]) func optionsMeanWhatTheyMeanToSSHKeygen(options: String, isAllowed: Bool) async throws {
        let keys = try SigningKeys()
        let path = try await keys.make(["-t", "ed25519"])
        let message = Array("a head\n".utf8)
        let signature = try await OperatorKey(.keyFile(path)) { _ in nil }
            .sign(message, namespace: SigningKeys.namespace)
        let text = try "# who may sign\n\n\"operator\" \(options)\(keys.publicKey(path)) a comment\n"
        let time = try Date("2026-06-15T12:00:00Z", strategy: .iso8601)
        for text in [text, text.replacing("\n", with: "\r\n")] {
            let theirs = try await keys.verify(
                signature.armored, over: message, allowed: text, options: "-Overify-time=\(Self.time)")
            #expect((theirs == 0) == isAllowed)
            let answer = try AllowedSigners(text).answer(on: signature, at: time)
            #expect((answer == .allowed(principal: "operator")) == isAllowed, "\(answer)")
        }
        let stranger = try await keys.make(["-t", "ed25519"])
        #expect(try AllowedSigners("operator \(keys.publicKey(stranger))").answer(on: signature, at: time) == .unknown)
    }

    /// Each was taken for a line that allows the operator to sign.
    @Test(arguments: [
        "operator namespaces=keybuzz-runner", "operator valid-before=20990101", "operator namespaces=\"a\\\"b\"",
        "operator namespaces=\"git\",namespaces=\"keybuzz-runner\"", "operator namespaces=\"keybuzz-runner\",",
        "operator cert-authority=\"x\"", "!operator", "operator,!operator", ",", "operator\0x", "\\\"operator",
        String(repeating: "x", count: 1100),
    ]) func whatSSHKeygenDoesNotTakeAllowsNobody(beginning: String) async throws {
        let keys = try SigningKeys()
        let path = try await keys.make(["-t", "ed25519"])
        let message = Array("a head\n".utf8)
        let signature = try await OperatorKey(.keyFile(path)) { _ in nil }
            .sign(message, namespace: SigningKeys.namespace)
        let text = try "\(beginning) \(keys.publicKey(path))\n"
        #expect(try await keys.verify(signature.armored, over: message, allowed: text) != 0)
        let allowed: AllowedSigners
        do throws(AllowedSigners.Problem) { allowed = try AllowedSigners(text) } catch { return }
        let answer = allowed.answer(on: signature, at: .now)
        #expect(answer == .unknown)
    }

    @Test(arguments: ["operator", "operator ssh-ed25519 AAAA", "operator touch=\"x\" ssh-ed25519 AAAA", "a b c d"])
    func aLineThatCannotBeUnderstoodIsAnError(line: String) throws {
        let error = #expect(throws: AllowedSigners.Problem.self) { try AllowedSigners("\n\(line)\n") }
        #expect(error?.line == 2)
    }
}
