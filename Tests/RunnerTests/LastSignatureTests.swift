import ClientKit
import Foundation
import Testing

@testable import Journal
@testable import RunnerCommands

/// No signature covers the record of the last one: whoever has the disk and not the key can write another in its place.
@Suite(.timeLimit(.minutes(20))) struct LastSignatureTests {
    private let evidence = "evidence/11_ct_01_prepare_config/pods.txt"

    @Test(arguments: Exported.shells) func itsRecordAnnouncesNoOtherFile(shell: [String]) async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        let last = forger.lines.count
        let forged = Array("forged\n".utf8)
        let names = [
            evidence, "evidence/11_ct_01_prepare_config/approval.txt", "checkpoints/fix_ufw_k8s_nodes.json",
            "steps/fix_ufw_k8s_nodes.log", "signatures/7.json.sig", "signatures/1-run.link",
            "signatures/\(last - 1)-x/a.link",
        ]
        for name in names {
            let path = "\(signed.run.path)/\(name)"
            let before = try Disk.read(path)
            let bytes = name.hasPrefix("steps/") ? (before ?? []) + forged : forged
            let folder = Disk.split(path).folder
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(filePath: path))
            let announced =
                "{\"bytes\":\(bytes.count),\"path\":\"\(name)\",\"sha256\":\"\(SHA256.hash(data: bytes).hex)\"}"
            try await forger.forge(record: last, .keeps) {
                $0.replacing("\"files\":[", with: "\"files\":[\(announced),")
            }
            let problem = "it announces \(name), which no record about a signature does"
            let report = try await signed.verify()
            #expect(
                !report.isIntact && report.findings.contains { $0.line == last && $0.problem == problem },
                "\(name): \(report.findings)")
            let answer = try await Exported(signed, shell: shell).verify(allowed: signed.allowed)
            #expect(
                answer.status == 1 && answer.output.contains("run/audit.jsonl, line \(last): \(problem)"),
                "\(name): \(answer)")
            try FileManager.default.removeItem(atPath: path)
            if let before {
                try Data(before).write(to: URL(filePath: path))
            } else if name.hasSuffix("/a.link") {
                try FileManager.default.removeItem(atPath: folder)
            }
            try forger.restore()
        }
        #expect(try await signed.verify().holds)
        #expect(try await Exported(signed, shell: shell).verify(allowed: signed.allowed).status == 0)
    }

    @Test(arguments: Exported.shells) func onlyItsRecordFollowsTheEnd(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        try exported.edit("audit.jsonl") { log in
            let lines = log.split(separator: UInt8(ascii: "\n"))
            let last = try #require(lines.last)
            let content = String(decoding: last, as: UTF8.self)
                .replacing(/,"whole":.*/, with: "")
                .replacing(/"prev":"[^"]*"/, with: "\"prev\":\"\(SHA256.hash(data: Array(last)).hex)\"")
                .replacing(/"files":\[[^\]]*\],/, with: "")
                .replacing("\"seq\":\(lines.count),", with: "\"seq\":\(lines.count + 1),")
            log += "\(content),\"whole\":\"\(SHA256.hash(data: Array(content.utf8)).hex)\"}\n".utf8
        }
        let count = try #require(try Disk.read(exported.file("audit.jsonl"))).count { $0 == UInt8(ascii: "\n") }
        let answer = try await exported.verify(allowed: signed.allowed)
        #expect(
            answer.status == 1
                && answer.output.contains("run/audit.jsonl, line \(count): it was appended after the end of the run"),
            "\(answer)")
    }

    /// Which of the two was put there, they do not tell.
    @Test(arguments: Exported.shells) func theHeaderOfAnotherRunIsNamed(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        try await signed.addRun(signer: nil)
        let other = try #require(try Disk.read("\(signed.run.path)/run.json"))
        try exported.edit("run.json") { $0 = other }
        let answer = try await exported.verify()
        #expect(answer.status == 1 && answer.output.contains("run/run.json: it is of another run"), "\(answer)")
    }
}
