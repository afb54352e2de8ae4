import Foundation
import StepKit
import Testing

@Suite struct ChangeTests {
    private static let deployment = Change.Subject.object(kind: "Deployment", namespace: "a", name: "b")

    @Test(arguments: [
        (Change(.create, deployment, .proved), "create Deployment a/b"),
        (Change(.replace, .object(kind: "Namespace", namespace: nil, name: "a"), .proved), "replace Namespace a"),
        (
            Change(.change, deployment, field: "spec.replicas", old: "1", new: "2", .proved),
            "Deployment a/b: spec.replicas: 1 → 2"
        ),
        (
            Change(.remove, .role(name: "x"), field: "VALID UNTIL", old: "2026", .predicted),
            #"role "x": VALID UNTIL: removed: 2026"#
        ),
        (
            Change(
                .change, .object(kind: "Secret", namespace: "a", name: "b"), field: "data.X", old: "•••", new: "•••",
                .proved),
            "Secret a/b: data.X: changed"
        ),
    ])
    func wordsFollowFromTheValues(_ change: Change, _ words: String) {
        #expect(change.summary == words)
    }

    @Test func everyTextCanBeRewritten() {
        let change = Change(
            .change, Self.deployment, field: "data.pw", old: "pw1", new: "pw2", .proved, startingPoint: "SHA-256 pw")
        let rewritten = change.rewritten { $0.replacing("pw", with: "•••") }
        #expect(rewritten.summary == "Deployment a/b: data.•••: •••1 → •••2")
        #expect((rewritten.field, rewritten.old, rewritten.new) == ("data.•••", "•••1", "•••2"))
        #expect((rewritten.subject, rewritten.action) == (Self.deployment, .change))
        #expect(rewritten.startingPoint == "SHA-256 pw")
    }

    /// Other programs read these: the names of cases are part of the plan's format.
    @Test func everySubjectIsWrittenUnderItsName() throws {
        let subjects: [(Change.Subject, String)] = [
            (Self.deployment, #"{"object":{"kind":"Deployment","name":"b","namespace":"a"}}"#),
            (.database(name: "x"), #"{"database":{"name":"x"}}"#), (.role(name: "x"), #"{"role":{"name":"x"}}"#),
            (.node(name: "x"), #"{"node":{"name":"x"}}"#), (.redis(database: 1), #"{"redis":{"database":1}}"#),
            (.file(name: "x"), #"{"file":{"name":"x"}}"#), (.proof(claim: "x"), #"{"proof":{"claim":"x"}}"#),
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        for (subject, text) in subjects {
            #expect(String(decoding: try encoder.encode(subject), as: UTF8.self) == text)
            #expect(try JSONDecoder().decode(Change.Subject.self, from: Data(text.utf8)) == subject)
        }
    }
}
