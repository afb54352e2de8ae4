import ClientKit
import Foundation
import Testing

@testable import Kubernetes

@Suite struct PullSecretTests {
    private func state(
        _ config: String, type: String = "kubernetes.io/dockerconfigjson"
    ) -> PullSecretState {
        PullSecretState(
            [
                "type": .string(type),
                "data": [".dockerconfigjson": .string(Data(config.utf8).base64EncodedString())],
            ], registry: "ghcr.io")
    }

    @Test func tellsWhatIsWrongWithASecret() {
        #expect(PullSecretState(nil, registry: "ghcr.io") == .missing)
        #expect(state("{}", type: "Opaque") == .wrongType("Opaque"))
        #expect(state("not JSON") == .unreadable)
        #expect(state("{}") == .unreadable)
        #expect(
            state(#"{"auths":{"docker.io":{},"quay.io":{}}}"#)
                == .otherRegistries(["docker.io", "quay.io"]))
    }

    @Test func findsTheUserOfOneThatFits() {
        #expect(
            state(#"{"auths":{"https://ghcr.io/v2/":{"username":"keybuzz"}}}"#)
                == .fits(user: "keybuzz", token: nil))
        #expect(
            state(#"{"auths":{"ghcr.io":{"username":"keybuzz","password":"t"}}}"#)
                == .fits(user: "keybuzz", token: Secret("t")))
        // keybuzz:token
        #expect(
            state(#"{"auths":{"ghcr.io":{"auth":"a2V5YnV6ejp0b2tlbg=="}}}"#)
                == .fits(user: "keybuzz", token: Secret("token")))
        #expect(state(#"{"auths":{"ghcr.io":{}}}"#) == .fits(user: nil, token: nil))
    }

    @Test func theFaultIsAddedToTheSummaryAndChangesTheRemedy() {
        let problem = Problem(.pullUnauthorized, summary: "cannot pull", remedy: "check")
        let missing = problem.addingPullSecrets([("ghcr-secret", .missing)], registry: "ghcr.io")
        #expect(
            missing.summary == "cannot pull; Secret ghcr-secret does not exist in this namespace")
        #expect(missing.remedy.hasPrefix("create Secret ghcr-secret again"))

        let refused = problem.addingPullSecrets(
            [("a", .missing), ("b", .fits(user: "keybuzz", token: nil))], registry: "ghcr.io")
        #expect(
            refused.summary
                == "cannot pull; ghcr.io rejects user keybuzz with the token in Secret b")
        #expect(refused.remedy == "check")
    }

    @Test(arguments: [
        ("ghcr.io/a/b:1", "ghcr.io"), ("localhost/a", "localhost"), ("reg:5000/a", "reg:5000"),
        ("chatwoot/chatwoot", "docker.io"),
        ("nginx:1.25", "docker.io"),
    ])
    func theRegistryIsTheFirstPartOfTheImage(_ image: String, _ registry: String) {
        #expect(PullAttempt(image: image, secrets: []).registry == registry)
    }
}
