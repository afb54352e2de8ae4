import ClientKit
import Foundation
import Testing

@testable import Journal

/// What the record tells of secrets: whether they changed, and which uses are of the same one.
@Suite struct SecretChangeTests {
    private let redactor = Redactor([Secret("hunter22"), Secret("correct-horse")])

    private func recorded(_ before: String?, _ after: String?, _ secrets: [SecretUse] = []) -> RecordedChange {
        RecordedChange("change it", field: "f", before: before, after: after, secrets: secrets)
            .redacted(by: redactor)
    }

    @Test func aHiddenValueHasAFingerprintAndAComparison() {
        let changed = recorded("hunter22", "correct-horse")
        #expect(changed.before == "•••" && changed.after == "•••" && changed.secret == .different)
        let use = changed.secrets?.first
        #expect(use?.before != nil && use?.after != nil && use?.before != use?.after)
        let kept = recorded("hunter22", "hunter22")
        #expect(kept.secret == .same && kept.secrets?.first?.before == use?.before)
        let added = recorded(nil, "hunter22")
        #expect(added.secret == .different && added.secrets == [SecretUse(after: use?.before)])
        let removed = recorded("hunter22", nil)
        #expect(removed.secret == .different && removed.secrets == [SecretUse(before: use?.before)])
        let within = recorded("postgres://u:hunter22@h", "postgres://u:correct-horse@h")
        #expect(within.secret == .different && within.secrets?.count == 1)
    }

    @Test func whatWasHiddenBeforeHasTheFingerprintsThatItBrings() {
        let known = SecretFingerprint(of: Secret("never seen by the redactor"))
        let brought = recorded("•••", "•••", [SecretUse(before: known, after: known)])
        #expect(brought.secret == .same && brought.secrets?.first?.after == known)
        let other = recorded("•••", "•••", [SecretUse(before: known, after: SecretFingerprint(of: Secret("x")))])
        #expect(other.secret == .different)
        let unknown = recorded("•••", "•••")
        #expect(unknown.secret == .different && unknown.secrets == nil)
        #expect(recorded("•••", "•••", [SecretUse(field: "data.x")]).secrets == nil)
    }

    @Test func whatIsNoSecretHasNeither() {
        let plain = recorded("1", "2")
        #expect(plain.secret == nil && plain.secrets == nil)
        #expect(plain.before == "1" && plain.after == "2")
    }

    /// Nobody who has the record of one process learns anything from that of another, or from a guess.
    @Test func eachProcessHasAKeyOfItsOwn() throws {
        let first = try runToEnd(helper, ["fingerprint", try Scratch().path, "hunter22", "hunter22", "hunter23"])
        let second = try runToEnd(helper, ["fingerprint", try Scratch().path, "hunter22"])
        #expect(first.status == 0 && first.lines.count == 3 && second.lines.count == 1)
        #expect(first.lines[0] == first.lines[1] && first.lines[0] != first.lines[2])
        #expect(first.lines[0] != second.lines[0])
        let guesses = [SHA256.hash(data: Array("hunter22".utf8)).hex, hmacSHA256(Array("hunter22".utf8), key: []).hex]
        #expect(!guesses.contains(first.lines[0]))
    }
}
