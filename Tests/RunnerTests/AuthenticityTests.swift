import ClientKit
import Foundation
import Glibc
import SSH
import StepKit
import TestSupport
import Testing

@testable import Journal
@testable import RunnerCommands

/// What the operator's signatures prove about a run.
@Suite(.timeLimit(.minutes(20))) struct AuthenticityTests {
    private func finding(_ report: AuditReport) -> String {
        report.authenticity?.findings.map(\.description).joined(separator: "\n") ?? "nobody asked"
    }

    private func listed(_ signed: SignedRun) throws -> String {
        try ListedRun(of: signed.run, in: signed.state, verifier: AuditVerifier(signed.state)).line
    }

    @Test func eachStepsEndAndTheRunsEndAreSigned() async throws {
        let signed = try await SignedRun()
        let report = try await signed.verify()
        #expect(report.findings == [] && report.holds, "\(finding(report))")
        let entries = try signed.run.entries()
        // Two steps, one that failed, the run's end, and again a step and the end.
        #expect(entries.filter { $0.kind == .headSigned }.count == 6)
        #expect(entries.last?.kind == .headSigned)
        #expect(report.authenticity?.signedUpTo == entries.count - 1)
        let fingerprint = SSHSignature(
            try String(contentsOfFile: "\(signed.run.path)/signatures/\(entries.count - 1).json.sig", encoding: .utf8))
        #expect(report.authenticity?.signers == ["operator, ssh-ed25519 \(fingerprint?.fingerprint ?? "?")"])
    }

    @Test func sshKeygenAcceptsEverySignature() async throws {
        let signed = try await SignedRun()
        let folder = "\(signed.run.path)/signatures"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
        #expect(names.count == 6)
        for name in names {
            let check =
                "ssh-keygen -Y verify -q -f \(signed.allowed) -I operator -n keybuzz-runner -s \(name).sig < \(name)"
            try await runTool("/bin/sh", ["-c", "cd \(folder) && \(check)"])
        }
    }

    @Test func anUnsignedRunAndAnUnknownSignerAndAForgedSignatureAreToldApart() async throws {
        let signed = try await SignedRun()
        try "operator \(signed.publicKey("stranger"))".write(
            toFile: "\(signed.path)/others", atomically: true, encoding: .utf8)
        #expect(try listed(signed).hasSuffix("  signed  intact"))
        let unknown = try await signed.verify(allowed: "\(signed.path)/others")
        #expect(unknown.isIntact && !unknown.holds && finding(unknown).contains("signer unknown: ssh-ed25519 SHA256:"))
        try await signed.addRun(signer: nil)
        let unsigned = try await signed.verify()
        #expect(try listed(signed).hasSuffix("  unsigned  intact"))
        #expect(unsigned.isIntact && !unsigned.holds && finding(unsigned).contains("unsigned from here"))
        try await signed.addRun(signer: OperatorSigner(key: signed.key("operator")))
        let last = try signed.run.entries().count - 1
        let path = "\(signed.run.path)/signatures/\(last).json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacing("\"format\" : 2", with: "\"format\" : 1").write(
            toFile: path, atomically: true, encoding: .utf8)
        let forged = try await signed.verify()
        #expect(!forged.isIntact && !forged.holds)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        // A right signature, but over something else.
        let other = "\(signed.run.path)/signatures/\(last).json.sig"
        let another = try await signed.key("operator").sign(Array("x".utf8), namespace: "keybuzz-runner")
        try another.armored.write(toFile: other, atomically: true, encoding: .utf8)
        #expect(try await finding(signed.verify()).contains("signature does not match"))
    }

    @Test func withoutTheAgentTheLogSaysWhyAndALaterSignatureCoversIt() async throws {
        let signed = try await SignedRun()
        let socket = "/tmp/agent-\(UUID().uuidString)"
        defer { unlink(socket) }
        let identity = SSHDestination.Identity.agent(publicKey: "\(signed.keyFile("operator")).pub")
        let key = OperatorKey(identity, agentSocket: socket) { _ in nil }
        let agent = try ChildProcess("/usr/bin/ssh-agent", ["-D", "-a", socket])
        try await eventually("the agent listens") { access(socket, F_OK) == 0 }
        let environment = ["SSH_AUTH_SOCK": socket]
        try await runTool("/usr/bin/ssh-add", ["-q", signed.keyFile("operator")], environment: environment)
        try await signed.addRun(signer: OperatorSigner(key: key)) { step in
            guard step == signed.steps[0] else { return }
            agent.end()
        }
        let report = try await signed.verify()
        #expect(report.isIntact && !report.holds)
        #expect(try listed(signed).contains("  signed up to record "))
        #expect(finding(report).contains("unsigned from here") && finding(report).contains("the agent did not sign"))
        let entries = try signed.run.entries()
        #expect(entries.filter { $0.kind == .headSigned }.count == 1)
        #expect(entries.filter { $0.kind == .headUnsigned }.count == 5)
        #expect(entries.last?.text?.contains("ssh-add \(signed.keyFile("operator"))") == true)
        let again = try await signed.reopen(signed.run)
        await again.sign(with: OperatorSigner(key: signed.key("operator")))
        try await again.finish(.succeeded, exitCode: 0)
        let covered = try await signed.verify()
        #expect(covered.holds, "\(finding(covered))")
        #expect(try listed(signed).hasSuffix("  signed  intact"))
        #expect(covered.authenticity?.notes.count == 5)
    }

    /// Rewrites the whole record after an edit, as somebody can who has the operator's disk but not
    /// the key: the record is intact then, and the signature tells.
    @Test func aRewrittenRecordIsFoundByTheSignature() async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        var random = SeededNumbers()
        let judge = try await AllowedSignersJudge(path: signed.allowed)
        let lines = forger.lines
        // What follows the last signed record is the record of that signature.
        let records = lines.count - 1
        var (found, intact) = (0, 0)
        for round in 0..<1000 {
            let way = ForgedChain.Way.allCases[round % ForgedChain.Way.allCases.count]
            let number = Int.random(in: 0...records, using: &random)
            try await forger.forge(record: number, way) { Self.edit($0, &random) }
            let report = try AuditVerifier(signed.state).verify(signed.run, signatures: judge)
            if report.isIntact { intact += 1 }
            if report.authenticity?.holds == false { found += 1 } else { print("missed: \(way), record \(number)") }
            try forger.restore()
        }
        print("found \(found) of 1000 rewritten records; \(intact) of them are intact but for the signature")
        #expect(found == 1000 && intact >= 400)
        #expect(try AuditVerifier(signed.state).verify(signed.run, signatures: judge).holds)
    }

    /// With the operator's disk and key as well everything on this machine holds, and a master tells.
    @Test func aRunRewrittenWithTheKeyIsFoundByAnHonestMaster() async throws {
        let signed = try await SignedRun()
        let other = signed.run
        let file = "\(signed.path)/keybuzz-runner.heads"
        let master = HeadFile(on: LocalShell(hostName: "k8s-master-02"), path: file)
        try await signed.addRun(signer: OperatorSigner(key: signed.key("operator"))) { step in
            guard step == signed.steps[1], let run = try signed.state.newestRun() else { return }
            let last = try #require(try run.entries().last)
            let bytes = try #require(try Disk.read("\(run.path)/audit.jsonl"))
            let line = try #require(bytes.split(separator: UInt8(ascii: "\n")).last)
            let head = AuditHead(sequence: last.sequence, hash: SHA256.hash(data: Array(line)).hex)
            let answer = try await master.keep(
                HeadLine(run: run.id.description, head: head.description, origin: signed.state.label))
            #expect(answer == .kept(place: "k8s-master-02:\(file)"))
        }
        let known = try await master.read()
        let heads = known.lines.compactMap {
            WitnessedHead(witness: known.place, run: $0.run, head: $0.head, origin: $0.origin)
        }
        let verifier = try AuditVerifier(signed.state)
        let judge = try await AllowedSignersJudge(path: signed.allowed)
        #expect(heads.count == 1)
        #expect(try verifier.verifyAll(against: heads, signatures: judge).holds)
        let key = signed.key("operator")
        var forger = try ForgedChain(signed.run, in: signed.state, borrowing: other) { statement in
            try await key.sign(statement, namespace: "keybuzz-runner").armored
        }
        try await forger.forge(record: 4, .signsAgain) { $0.replacing("k8s-master-01", with: "k8s-master-03") }
        let without = try AuditVerifier(signed.state).verify(signed.run, signatures: judge)
        #expect(without.findings.filter { !$0.file.hasSuffix(".link") } == [], "\(without.findings)")
        let found = try AuditVerifier(signed.state).verifyAll(against: heads, signatures: judge)
        let line = try #require(found.runs.first?.findings.first { $0.file == "audit.jsonl" })
        #expect(line.line == heads[0].head.sequence)
        #expect(line.problem == "it is not the record that k8s-master-02:\(file) knows")
        // The whole run removed, with its lines in heads.jsonl.
        try FileManager.default.removeItem(atPath: signed.run.path)
        let list = "\(signed.state.path)/heads.jsonl"
        let lines = try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n")
        try lines.filter { !$0.contains(signed.run.id.description) }.map { $0 + "\n" }.joined()
            .write(toFile: list, atomically: true, encoding: .utf8)
        #expect(try AuditVerifier(signed.state).verifyAll().findings == [])
        let removed = try AuditVerifier(signed.state).verifyAll(against: heads).findings
        #expect(removed.map(\.problem) == ["the run was removed: k8s-master-02:\(file) knows it"])
        // The same from a machine of another name, and from a Lease, which tells none.
        let strange = heads.map { head in
            ["install-01:/var/lib/keybuzz-runner", nil].compactMap {
                WitnessedHead(witness: "k", run: "\(head.run)", head: "\(head.head)", origin: $0)
            }
        }
        let elsewhere = try AuditVerifier(signed.state).verifyAll(against: strange.flatMap { $0 })
        #expect(elsewhere.findings == [] && elsewhere.notes.count == 2, "\(elsewhere.notes)")
        #expect(elsewhere.notes.last?.hasPrefix("k knows run \(signed.run.id) of install-01:/var/lib/") == true)
    }

    /// Changes one digit or letter of a value, so that the record still reads well.
    private static func edit(_ text: String, _ random: inout SeededNumbers) -> String {
        let values = text.matches(of: /(?:elapsed_ms|duration_ms|login|text|purpose|machine)" ?: ?"?([a-z0-9 ]+)/)
        guard let value = values.randomElement(using: &random)?.output.1,
            let place = value.indices.randomElement(using: &random)
        else { return text + "" }
        let digits = "123456789"
        let letters = "abcdefghijklmnopqrstuvwxyz"
        let old = text[place]
        let new = (old.isNumber ? digits : letters).filter { $0 != old }.randomElement(using: &random) ?? "x"
        return text.replacingCharacters(in: place...place, with: String(new))
    }
}
