import ClientKit
import Foundation
import SSH
import Testing

@testable import Journal
@testable import RunnerCommands

/// No signature covers the record of the last one: both verifiers hold it against what was signed.
@Suite(.timeLimit(.minutes(20))) struct UncoveredRecordTests {
    private typealias Edit = (String) -> String

    private static func edit(_ what: String, _ with: String) -> Edit { { $0.replacing(what, with: with) } }

    /// Of each kind one that verify.sh or `audit verify` accepted, or that only one of them did.
    private static var edits: [(name: String, edit: Edit)] {
        [
            ("text", { $0.replacing(/"text":"[^"]*"/, with: "\"text\":\"the board approved it\"") }),
            ("key", { $0.replacing(/"key":"[^"]*"/, with: "\"key\":\"ssh-ed25519 SHA256:other\"") }),
            ("no key", { $0.replacing(/"key":"[^"]*",/, with: "") }),
            ("time", { $0.replacing("\"time\":\"20", with: "\"time\":\"19") }),
            ("no time", { $0.replacing("\"time\":\"20", with: "\"time\":\"zz") }),
            ("elapsed", { $0.replacing(/"elapsed_ms":[0-9]+/, with: "\"elapsed_ms\":99999") }),
            ("elapsed, huge", { $0.replacing(/"elapsed_ms":[0-9]+/, with: "\"elapsed_ms\":99999999999999999999999") }),
            ("elapsed, otherwise", { $0.replacing(/"elapsed_ms":([0-9]+)/) { "\"elapsed_ms\":\($0.output.1)e0" } }),
            ("number, otherwise", { $0.replacing(/"seq":([0-9]+),/) { "\"seq\":\($0.output.1).0," } }),
            ("format", edit("\"v\":3", "\"v\":2")), ("format, otherwise", edit("\"v\":3", "\"v\":3.0")),
            ("escape", edit("\"head.signed\"", "\"head\\u002esigned\"")),
            ("escape in a key", edit("\"kind\":", "\"k\\u0069nd\":")),
            ("key twice", edit("\"text\":", "\"text\":\"x\",\"text\":")),
            ("kind twice", edit("\"kind\":", "\"kind\":\"run.end\",\"kind\":")),
            ("another field", { "\($0),\"verdict\":\"fine\"" }),
            ("step", { $0.replacing(/"seq":([0-9]+),/) { "\"seq\":\($0.output.1),\"step\":\"x\"," } }),
            ("head", { $0.replacing(/"head":{"hash":"..../, with: "\"head\":{\"hash\":\"0000") }),
            ("blank", edit(",\"", ", \"")), ("unsigned", edit("head.signed", "head.unsigned")),
            ("order", { "{\"v\":3,\($0.dropFirst().replacing(",\"v\":3", with: ""))" }),
            ("path", edit("\"signatures/", "\"signatures\\/")),
        ]
    }

    private func judge(_ signed: SignedRun, _ run: RunReader, _ name: String) async throws {
        let judge = try await AllowedSignersJudge(path: signed.allowed)
        #expect(try !AuditVerifier(signed.state).verify(run, signatures: judge).holds, "audit verify: \(name)")
        for shell in Exported.shells {
            let answer = try await Exported(signed, run: run, shell: shell).verify(allowed: signed.allowed)
            #expect(answer.status == 1, "\(shell): \(name): \(answer.output)")
        }
    }

    @Test func whatItSaysIsComparedWithWhatWasSigned() async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        for (name, edit) in Self.edits {
            try await forger.forge(record: forger.lines.count, .keeps) { text in
                let edited = edit(text)
                #expect(edited != text, "\(name)")
                return edited
            }
            try await judge(signed, signed.run, name)
            try forger.restore()
        }
        #expect(try await signed.verify().holds)
    }

    /// Swift takes the sign of the unit kelvin for a K, as Unicode does.
    @Test func aSignThatUnicodeTakesForTheSameIsAnEdit() async throws {
        var signed = try await SignedRun()
        for _ in 0..<30 where try await !signed.fingerprint.contains("K") { signed = try await SignedRun() }
        try #require(try await signed.fingerprint.contains("K"))
        var forger = try await signed.forger()
        for field in ["key", "text"] {
            try await forger.forge(record: forger.lines.count, .keeps) { text in
                guard let start = text.range(of: "\"\(field)\":\"") else { return text }
                let value = text[start.upperBound...].prefix { $0 != "\"" }
                let edited = value.replacing("K", with: "\u{212A}")
                return String(text[..<value.startIndex] + edited + text[value.endIndex...])
            }
            try await judge(signed, signed.run, field)
            try forger.restore()
        }
    }

    /// Puts other bytes into a file that the last record announces, and announces these.
    private func replace(
        _ suffix: String, in signed: SignedRun, _ forger: inout ForgedChain, _ change: ([UInt8]) -> [UInt8]?
    ) async throws -> () throws -> Void {
        let number = forger.lines.count - 1
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(signed.run.path)/signatures")
        let name = try #require(names.first { $0.hasPrefix("\(number)") && $0.hasSuffix(suffix) })
        let path = "\(signed.run.path)/signatures/\(name)"
        let before = try #require(try Disk.read(path))
        let after = change(before)
        let quoted = "\"path\":\"signatures/\(name)\""
        try await forger.forge(record: number + 1, .keeps) { text in
            let old = "{\"bytes\":\(before.count),\(quoted),\"sha256\":\"\(SHA256.hash(data: before).hex)\"}"
            let new = after.map { "{\"bytes\":\($0.count),\(quoted),\"sha256\":\"\(SHA256.hash(data: $0).hex)\"}" }
            return new.map { text.replacing(old, with: $0) } ?? text.replacing(",\(old)", with: "")
        }
        try FileManager.default.removeItem(atPath: path)
        if let after { try Data(after).write(to: URL(filePath: path)) }
        return { try Data(before).write(to: URL(filePath: path)) }
    }

    /// ssh-keygen takes no offence at most of them.
    @Test func aSignatureHasNothingMoreInIt() async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        let edits: [(String, ([UInt8]) -> [UInt8])] = [
            ("text after it", { $0 + Array("approved\n".utf8) }), ("text before it", { Array("approved\n".utf8) + $0 }),
            ("CR LF", { $0.flatMap { $0 == 10 ? [13, 10] : [$0] } }),
            ("blank lines", { $0.flatMap { $0 == 10 ? [10, 10] : [$0] } }),
            ("no last newline", { $0.dropLast() }), ("one more newline", { $0 + [10] }),
            ("a blank in it", { Array(String(decoding: $0, as: UTF8.self).replacing("\nU1NI", with: "\n U1NI").utf8) }),
            ("the reserved field", Self.reserve),
        ]
        for (name, edit) in edits {
            let restore = try await replace(".json.sig", in: signed, &forger) { edit($0) }
            try await judge(signed, signed.run, name)
            try restore()
            try forger.restore()
        }
    }

    /// A signature with something in the field that nobody reads.
    private static func reserve(_ text: [UInt8]) -> [UInt8] {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        var blob = [UInt8](Data(base64Encoded: lines.dropFirst().dropLast().joined()) ?? Data())
        // The magic, a version, the key and the namespace come before it.
        var place = 10
        for _ in 0..<2 { place += 4 + Int(blob[place + 3]) }
        blob.replaceSubrange(place..<place + 4, with: [0, 0, 0, 4] + Array("evil".utf8))
        let options: Data.Base64EncodingOptions = [.lineLength76Characters, .endLineWithLineFeed]
        let body = Data(blob).base64EncodedString(options: options)
        return Array("\(lines[0])\n\(body)\n\(lines[lines.count - 1])\n".utf8)
    }

    @Test func theLastLinkIsThatOfTheSignature() async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        let links = try RunTree(signed.run.path).files.filter { $0.hasSuffix(".link") }.sorted()
        let another = try #require(links.first { !$0.contains("-run.") })
        let other = try #require(try Disk.read("\(signed.run.path)/\(another)"))
        let edits: [(String, ([UInt8]) -> [UInt8]?)] = [
            ("removed", { _ in nil }), ("nothing", { _ in Array("{}".utf8) }), ("another link", { _ in other }),
            (
                "another name",
                { Array(String(decoding: $0, as: UTF8.self).replacing("keyid\" : \"", with: "keyid\" : \"0").utf8) }
            ),
        ]
        for (name, edit) in edits {
            let restore = try await replace(".link", in: signed, &forger) { edit($0) }
            try await judge(signed, signed.run, name)
            try restore()
            try forger.restore()
        }
        // Of the signature in it, in-toto-verify tells; verify.sh has nothing that does.
        let restore = try await replace(".link", in: signed, &forger) {
            Array(String(decoding: $0, as: UTF8.self).replacing("\"sig\" : \"", with: "\"sig\" : \"AAAA").utf8)
        }
        #expect(try await !signed.verify().holds)
        try restore()
        try forger.restore()
        #expect(try await signed.verify().holds)
    }

    /// A run may be cut off after a signature; nobody may write more there.
    @Test(arguments: ["head.unsigned", "head.signed"]) func nothingIsAppendedToARunThatWasCutOff(
        kind: String
    ) async throws {
        let signed = try await SignedRun()
        let lock = try ModuleLock.acquire(module: "11", in: signed.state)
        let journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: signed.steps, runnerVersion: "1.0", inventoryPath: "/i.json", inventoryDigest: "00"
            ), in: signed.state, holding: lock, redactor: Redactor())
        await journal.sign(with: OperatorSigner(key: signed.key("operator")))
        try await journal.beginStep(signed.steps[0])
        try await journal.finishStep(signed.steps[0], .inPlace)
        try lock.release()
        let judge = try await AllowedSignersJudge(path: signed.allowed)
        #expect(try AuditVerifier(signed.state).verify(journal.reader, signatures: judge).holds)
        let path = "\(journal.path)/audit.jsonl"
        let log = try #require(try Disk.read(path))
        let last = try #require(log.split(separator: UInt8(ascii: "\n")).last)
        let number = log.count { $0 == UInt8(ascii: "\n") }
        let content = String(decoding: last, as: UTF8.self).replacing(/,"whole":.*/, with: "")
            .replacing(/"prev":"[^"]*"/, with: "\"prev\":\"\(SHA256.hash(data: Array(last)).hex)\"")
            .replacing(/"files":\[[^\]]*\],/, with: "").replacing("\"seq\":\(number),", with: "\"seq\":\(number + 1),")
            .replacing("head.signed", with: kind).replacing("signed with", with: "approved by")
        let seal = SHA256.hash(data: Array(content.utf8)).hex
        try Data(log + Array("\(content),\"whole\":\"\(seal)\"}\n".utf8)).write(to: URL(filePath: path))
        try await self.judge(signed, journal.reader, kind)
    }
}

extension SignedRun {
    /// That of the operator's key.
    fileprivate var fingerprint: String {
        get async throws { try await key("operator").sign([1], namespace: "keybuzz-runner").fingerprint }
    }
}
