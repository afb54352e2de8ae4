import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@testable import Journal
@testable import RunnerCommands

/// What in-toto-verify from PyPI says about an exported run and its layout.
@Suite(.timeLimit(.minutes(20))) struct InTotoTests {
    /// Installs in-toto-verify where it is not yet; its path.
    private static func tool() async throws -> String {
        let prepare = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../in-toto/prepare").standardizedFileURL
        let answer = try await capture(prepare, [], in: "/")
        try #require(answer.status == 0, "\(answer.output)")
        return try #require(answer.output.split(separator: "\n").last.map(String.init))
    }

    /// A run, its layout, and how it is verified.
    private struct Case {
        let signed: SignedRun
        let layout: String
        let tool: String

        init() async throws {
            signed = try await SignedRun()
            tool = try await InTotoTests.tool()
            layout = "\(signed.path)/root.layout"
            let answer = try await capture(
                Program.runner.file,
                [
                    "audit", "layout", "--state-dir", signed.state.path, "--allowed-signers", signed.allowed, "--key",
                    signed.keyFile("stranger"), "-o", layout, "\(signed.run.id)",
                ], in: signed.path)
            try #require(answer.status == 0, "\(answer.output)")
        }

        func export() async throws -> String {
            let root = "\(signed.path)/export-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try RunArchive(run: signed.run).write(to: "\(root)/run.tar.gz")
            try await runTool("/bin/tar", ["-xzf", "\(root)/run.tar.gz", "-C", root])
            return "\(root)/keybuzz-runner-\(signed.run.id)"
        }

        func verify(_ folder: String) async throws -> (output: String, status: Int32) {
            try await capture(
                URL(filePath: tool),
                [
                    "--layout", layout, "--verification-keys", "\(layout).pem", "--link-dir", "run/signatures",
                    "--inspection-timeout", "120", "-v",
                ], in: folder)
        }
    }

    @Test func inTotoAcceptsARunAndRefusesAnEditedOne() async throws {
        let sample = try await Case()
        let folder = try await sample.export()
        let accepted = try await sample.verify(folder)
        #expect(accepted.status == 0, "\(accepted.output)")
        for name in try RunTree("\(folder)/run").files.sorted() {
            let path = "\(folder)/run/\(name)"
            let bytes = try #require(try Disk.read(path))
            var changed = bytes
            changed[bytes.count / 2] ^= 1
            try Data(changed).write(to: URL(filePath: path))
            let refused = try await sample.verify(folder)
            #expect(refused.status == 1, "\(name): \(refused.output)")
            try Data(bytes).write(to: URL(filePath: path))
        }
        try FileManager.default.removeItem(atPath: "\(folder)/run/signatures")
        #expect(try await sample.verify(folder).output.contains("requires '1' link metadata file(s), found '0'"))
    }

    private enum Edit: CaseIterable {
        case flip, cut, empty, missing, another, renamed, doubledKey, blank, payload, signature
    }

    /// What one of the links becomes; nil where it is removed.
    private func edited(
        _ link: [UInt8], _ edit: Edit, other: [UInt8], with numbers: inout SeededNumbers
    ) -> [UInt8]? {
        let text = String(decoding: link, as: UTF8.self)
        let place = Int.random(in: 0..<link.count, using: &numbers)
        switch edit {
        case .flip:
            return link[..<place] + [link[place] ^ (1 << UInt8.random(in: 0..<7, using: &numbers))]
                + link[(place + 1)...]
        case .cut: return Array(link[..<place])
        case .empty: return []
        case .missing, .renamed: return nil
        case .another: return other
        case .doubledKey:
            return Array(text.replacing("{\n  \"payload\"", with: "{\n  \"payload\" : \"e30=\",\n  \"payload\"").utf8)
        case .blank: return link + [UInt8(ascii: " ")]
        case .payload: return Array(text.replacing("\"payload\" : \"", with: "\"payload\" : \"eyJ9").utf8)
        case .signature: return Array(text.replacing("\"sig\" : \"", with: "\"sig\" : \"AAAA").utf8)
        }
    }

    /// Links of which anything was changed, that are those of other steps or of another run, or that are gone.
    @Test func inTotoRefusesRandomEditsOfLinks() async throws {
        var numbers = SeededNumbers()
        let sample = try await Case()
        let folder = try await sample.export()
        #expect(try await sample.verify(folder).status == 0)
        let links = try RunTree("\(folder)/run").files.filter { $0.hasSuffix(".link") }.sorted()
        let first = sample.signed.run
        try await sample.signed.addRun(signer: OperatorSigner(key: sample.signed.key("operator")))
        for edit in Edit.allCases {
            let name = try #require(links.randomElement(using: &numbers))
            let path = "\(folder)/run/\(name)"
            let before = try #require(try Disk.read(path))
            let isOfThisRun = Bool.random(using: &numbers)
            let source = isOfThisRun ? try #require(links.first { $0 != name }) : name
            let other = try #require(try Disk.read("\((isOfThisRun ? first : sample.signed.run).path)/\(source)"))
            let after = edited(before, edit, other: other, with: &numbers)
            try FileManager.default.removeItem(atPath: path)
            let moved = path.replacing(".link", with: "0.link")
            if let after { try Data(after).write(to: URL(filePath: path)) }
            if edit == .renamed { try Data(before).write(to: URL(filePath: moved)) }
            let answer = try await sample.verify(folder)
            #expect(answer.status == 1, "\(numbers.seed), \(edit) of \(name): \(answer.output)")
            if edit == .renamed { try FileManager.default.removeItem(atPath: moved) }
            try Data(before).write(to: URL(filePath: path))
        }
        #expect(try await sample.verify(folder).status == 0)
    }

    /// With a verify.sh that is always content an edit went unnoticed, and so did another run of the same steps.
    @Test func inTotoTrustsNeitherTheArchivesScriptNorAnotherRun() async throws {
        let sample = try await Case()
        let folder = try await sample.export()
        try Data("exit 0\n".utf8).write(to: URL(filePath: "\(folder)/verify.sh"))
        #expect(try await sample.verify(folder).status == 0)
        let transcript = "\(folder)/run/steps/\(sample.signed.steps[0]).log"
        let bytes = try #require(try Disk.read(transcript))
        try Data(bytes + Array("forged\n".utf8)).write(to: URL(filePath: transcript))
        #expect(try await sample.verify(folder).status == 1)
        try await sample.signed.addRun(signer: OperatorSigner(key: sample.signed.key("operator")))
        let other = try await sample.export()
        let replayed = try await sample.verify(other)
        #expect(replayed.status == 1 && replayed.output.contains("BadReturnValueError"), "\(replayed.output)")
    }

    /// The script finds a statement that nobody signed; with statements that a stranger signed it is
    /// content, and the links are not.
    @Test func inTotoRefusesARewrittenRecord() async throws {
        let sample = try await Case()
        let signed = sample.signed
        let first = signed.run
        try await signed.addRun(signer: OperatorSigner(key: signed.key("operator")))
        let stranger = signed.key("stranger")
        var forger = try ForgedChain(first, in: signed.state, borrowing: signed.run) { statement in
            try await stranger.sign(statement, namespace: "keybuzz-runner").armored
        }
        for way in [ForgedChain.Way.restates, .signsAgain] {
            try await forger.forge(record: 4, way) { $0.replacing("\"elapsed_ms\":", with: "\"elapsed_ms\":9") }
            let root = "\(signed.path)/forged-\(way)"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try RunArchive(run: first).write(to: "\(root)/run.tar.gz")
            try await runTool("/bin/tar", ["-xzf", "\(root)/run.tar.gz", "-C", root])
            let refused = try await sample.verify("\(root)/keybuzz-runner-\(first.id)")
            let reason = way == .restates ? "BadReturnValueError" : "DISALLOW"
            #expect(refused.status == 1 && refused.output.contains(reason), "\(way): \(refused.output)")
            try forger.restore()
        }
    }
}
