import Foundation
import Testing

@testable import Kubernetes

/// What container runtimes and kubelets say when an image cannot be pulled, word for word.
@Suite struct PullSymptomTests {
    private static let image = "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0"

    @Test(arguments: try Fixtures.pullAnswers())
    func tellsEachKind(_ text: String, _ symptom: String) {
        #expect("\(PullSymptom.first(in: text, about: Self.image))" == symptom)
    }

    @Test func noAnswerIsUnknown() {
        #expect(PullSymptom.first(in: "", about: Self.image) == .unknown)
    }

    @Test func everyKindHasARecordedAnswer() throws {
        let recorded = Set(try Fixtures.pullAnswers().map(\.1))
        #expect(PullSymptom.allCases.allSatisfy { recorded.contains("\($0)") })
    }

    @Test func aNameIsNoAnswer() {
        let image = "registry.lab/unauthorized/429 too many requests:x509:"
        #expect(
            PullSymptom.first(
                in: "failed to resolve \"\(image)\": \(image): not found", about: image)
                == .notFound)
    }

    @Test func everyKindHasWordsOfItsOwn() {
        let attempt = PullAttempt(image: Self.image, secrets: ["ghcr-secret"])
        let explanations = PullSymptom.allCases.map {
            $0.explanation(of: attempt, on: "k8s-worker-01", text: "dial tcp: refused")
        }
        #expect(Set(explanations.map(\.cause)).count == explanations.count)
        #expect(Set(explanations.map(\.remedy)).count == explanations.count)
    }

    @Test func anImageForOtherMachinesIsNotToBePushed() {
        let attempt = PullAttempt(image: Self.image, secrets: [])
        let explanation = PullSymptom.platform.explanation(
            of: attempt, on: "k8s-worker-01", text: "")
        #expect(explanation.cause == "it has no build for the architecture of k8s-worker-01")
        #expect(explanation.remedy.contains("docker buildx build --platform"))
    }
}

extension Fixtures {
    /// The answers in `pull-answers.txt`, one a line after the kind that each belongs to.
    fileprivate static func pullAnswers() throws -> [(String, String)] {
        try String(contentsOf: url("pull-answers.txt"), encoding: .utf8).split(separator: "\n").map { line in
            let parts = line.split(separator: "\t", maxSplits: 1).map(String.init)
            return (parts[1], parts[0])
        }
    }
}
