import ClientKit
import Foundation
import Testing

@testable import Journal

/// Two pruned runs, and one that is there.
struct Pruned {
    let state: StateDirectory
    let first: RunID
    let second: RunID
    let last: RunReader

    init() async throws {
        state = try Scratch().state()
        let (one, two) = (try await state.play(), try await state.play())
        for run in [one, two] { try state.export(run) }
        _ = try await state.play()
        try state.prune()
        // Its run.json knows the list of exports and tombstones.
        last = try await state.play()
        (first, second) = (one.id, two.id)
    }

    func tombstone(_ run: RunID) -> String { "\(state.path)/tombstones/\(run).json" }
    var list: String { "\(state.path)/retention.jsonl" }

    func lines() throws -> [[UInt8]] {
        try contents(list).split(separator: UInt8(ascii: "\n")).map(Array.init)
    }

    func write(_ lines: [[UInt8]]) throws {
        try overwrite(list, lines.flatMap { $0 + [UInt8(ascii: "\n")] })
    }

    /// The text of a sealed file with an edit and a right seal.
    func resealed(_ path: String, _ edit: (String) -> String) throws -> [UInt8] {
        let text = edit(String(decoding: try contents(path), as: UTF8.self))
        let content = Array(text.utf8).prefix(text.utf8.count - ",\n  \"whole\" : \"".utf8.count - 64 - 4)
        return Array(content) + Array(",\n  \"whole\" : \"\(SHA256.hash(data: content).hex)\"\n}\n".utf8)
    }

    /// Announces the tombstone of `run` as it is now.
    func announce(_ run: RunID) throws {
        let digest = SHA256.hash(data: try contents(tombstone(run))).hex
        try RetentionList(state).append(.init(tombstone: .init(run: run, sha256: digest)))
    }
}
