import ClientKit
import Foundation
import Testing

@testable import Journal

/// A run's whole directory, and the list of heads, as somebody with the operator's disk rewrites
/// them: an edit, and after it every digest that depends on it.
struct ForgedChain {
    /// What the forger does about the signatures.
    enum Way: CaseIterable {
        /// Leaves them as they are.
        case keeps
        /// Rewrites the statements, and keeps the signatures.
        case restates
        /// Signs the new statements with another key.
        case signsAgain
        /// Removes them, and the records of them.
        case removes
        /// Uses those of another run of the same operator.
        case borrows
    }

    let state: StateDirectory
    let run: RunReader
    let borrowed: RunReader
    /// Signs as the stranger.
    let resign: (_ statement: [UInt8]) async throws -> String
    /// What became of each digest.
    private var digests: [[UInt8]: [UInt8]] = [:]
    private var sizes: [(before: String, after: String)] = []
    private var changed: Set<String> = []
    private let original: [String: [UInt8]]
    private let heads: [UInt8]
    /// The lines of the log, and the files that each announces.
    let lines: [[UInt8]]
    private let announced: [[String]]

    init(
        _ run: RunReader, in state: StateDirectory, borrowing borrowed: RunReader,
        resign: @escaping (_ statement: [UInt8]) async throws -> String
    ) throws {
        (self.state, self.run, self.borrowed, self.resign) = (state, run, borrowed, resign)
        var files: [String: [UInt8]] = [:]
        for name in try RunTree(run.path).files { files[name] = try Disk.read("\(run.path)/\(name)") }
        original = files
        heads = try #require(try Disk.read("\(state.path)/heads.jsonl"))
        let log = try #require(files["audit.jsonl"])
        lines = log.split(separator: UInt8(ascii: "\n")).map(Array.init)
        announced = try lines.map { try SealedJSON.decode(AuditEntry.self, from: $0[...]).files?.map(\.path) ?? [] }
    }

    /// Puts everything back.
    mutating func restore() throws {
        for name in changed { try Self.write(original[name] ?? [], "\(run.path)/\(name)") }
        try Self.write(heads, "\(state.path)/heads.jsonl")
        changed = []
    }

    /// Edits record `number`, 0 for run.json, and rewrites all that depends on it.
    mutating func forge(
        record number: Int, _ way: Way, edit: (String) -> String
    ) async throws {
        (digests, sizes) = ([:], [])
        let header = try #require(original["run.json"])
        if number == 0 { try change("run.json", from: header, to: Self.reseal(header, isFile: true, edit)) }
        var log: [UInt8] = []
        for (index, line) in lines.enumerated() {
            for name in announced[index] where name.hasSuffix(".json") || name.hasSuffix(".sig") {
                try await rewrite(name, way)
            }
            let forged = Self.reseal(line, isFile: false) { text in
                var text = replacing(text)
                if way == .removes, text.contains("\"kind\":\"head.signed\"") {
                    text.replace("\"kind\":\"head.signed\"", with: "\"kind\":\"warning\"")
                    text.replace(/"files":\[[^\]]*\],/, with: "")
                }
                return index + 1 == number ? edit(text) : text
            }
            learn(line, forged)
            log += forged + [UInt8(ascii: "\n")]
        }
        changed.insert("audit.jsonl")
        try Self.write(log, "\(run.path)/audit.jsonl")
        let list = heads.split(separator: UInt8(ascii: "\n")).flatMap { line in
            Self.reseal(Array(line), isFile: false, replacing) + [UInt8(ascii: "\n")]
        }
        try Self.write(list, "\(state.path)/heads.jsonl")
    }

    private mutating func rewrite(_ name: String, _ way: Way) async throws {
        guard let before = original[name] else { return }
        let isSignature = name.hasSuffix(".sig")
        switch name.hasPrefix("signatures/") ? way : .restates {
        case .keeps: return
        case .restates where isSignature: return
        case .signsAgain where isSignature:
            let statement = try #require(try Disk.read("\(run.path)/\(name.dropLast(4))"))
            try change(name, from: before, to: Array(try await resign(statement).utf8))
        case .restates, .signsAgain: try change(name, from: before, to: Self.reseal(before, isFile: true, replacing))
        case .removes:
            changed.insert(name)
            try FileManager.default.removeItem(atPath: "\(run.path)/\(name)")
        case .borrows: try change(name, from: before, to: #require(try Disk.read("\(borrowed.path)/\(name)")))
        }
    }

    private mutating func change(_ name: String, from before: [UInt8], to after: [UInt8]) throws {
        guard before != after else { return }
        changed.insert(name)
        try Self.write(after, "\(run.path)/\(name)")
        learn(before, after)
        if before.count != after.count {
            let path = "\"path\":\"\(name)\""
            sizes.append(("\"bytes\":\(before.count),\(path)", "\"bytes\":\(after.count),\(path)"))
        }
    }

    private mutating func learn(_ before: [UInt8], _ after: [UInt8]) {
        if before != after {
            digests[Array(SHA256.hash(data: before).hex.utf8)] = Array(SHA256.hash(data: after).hex.utf8)
        }
    }

    /// The text with what became of each digest in it, and of each size.
    private func replacing(_ text: String) -> String {
        var bytes = Array(text.utf8)
        var start = 0
        for index in 0...bytes.count {
            let isDigit = index < bytes.count && ASCII.hexValue(bytes[index]) != nil
            if isDigit { continue }
            if index - start == 64, let other = digests[Array(bytes[start..<index])] {
                bytes.replaceSubrange(start..<index, with: other)
            }
            start = index + 1
        }
        return sizes.reduce(into: String(decoding: bytes, as: UTF8.self)) { $0.replace($1.before, with: $1.after) }
    }

    /// Edits the content of a sealed line or file, and seals it again.
    private static func reseal(_ bytes: [UInt8], isFile: Bool, _ edit: (String) -> String) -> [UInt8] {
        let before = isFile ? ",\n  \"whole\" : \"" : ",\"whole\":\""
        let after = isFile ? "\"\n}\n" : "\"}"
        let length = before.utf8.count + 64 + after.utf8.count
        let content = Array(edit(String(decoding: bytes.dropLast(length), as: UTF8.self)).utf8)
        return content + before.utf8 + SHA256.hash(data: content).hex.utf8 + after.utf8
    }

    private static func write(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }
}
