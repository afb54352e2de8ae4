import ClientKit
import Foundation
import Testing

@testable import Journal
@testable import RunnerCommands

/// An exported run that was unpacked, and the few programs that verify it.
struct Exported {
    /// Two that read and cut text in their own ways.
    static let shells = [["/usr/bin/dash"], ["/usr/bin/busybox"]]

    let folder: String
    let tools: String
    /// What has the folder removed in the end.
    private let owner: SignedRun

    /// Exports the run of `signed`, and unpacks the archive.
    init(_ signed: SignedRun, run: RunReader? = nil, shell: [String]) async throws {
        owner = signed
        let root = "\(signed.path)/export-\(UUID().uuidString)"
        let archive = RunArchive(run: run ?? signed.run)
        try FileManager.default.createDirectory(atPath: "\(root)/bin", withIntermediateDirectories: true)
        try archive.write(to: "\(root)/\(archive.fileName)")
        try await runTool("/bin/tar", ["-xzf", "\(root)/\(archive.fileName)", "-C", root])
        folder = "\(root)/keybuzz-runner-\(archive.run.id)"
        tools = "\(root)/bin"
        for tool in ["sha256sum", "ssh-keygen", "jq"] { try link("/usr/bin/\(tool)", as: tool) }
        try link(shell[0], as: "sh")
    }

    private func link(_ program: String, as name: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(tools)/\(name)", withDestinationPath: program)
    }

    /// What verify.sh prints and exits with, where there are only those programs.
    func verify(allowed: String? = nil) async throws -> (output: String, status: Int32) {
        try await verify([allowed].compactMap(\.self))
    }

    /// The same with other arguments, from another folder, or with more in the environment.
    func verify(
        _ arguments: [String], as script: String? = nil, in place: String? = nil, environment: [String: String] = [:]
    ) async throws -> (output: String, status: Int32) {
        try await capture(
            URL(filePath: "\(tools)/sh"), [script ?? "\(folder)/verify.sh"] + arguments, in: place,
            environment: ["PATH": tools].merging(environment) { $1 })
    }

    /// Where a file of the run was unpacked.
    func file(_ name: String) -> String { "\(folder)/run/\(name)" }

    /// Puts other bytes into a file of the run.
    func edit(_ name: String, _ change: (inout [UInt8]) throws -> Void) throws {
        var bytes = try #require(try Disk.read(file(name)))
        try change(&bytes)
        try Data(bytes).write(to: URL(filePath: file(name)))
    }

    var files: [String] {
        get throws { try RunTree("\(folder)/run").files.sorted() }
    }
}
