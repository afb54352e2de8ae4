import ArgumentParser
import ClientKit
import Foundation
import StepKit

/// `runner inventory import`.
struct InventoryImportCommand: AsyncParsableCommand {
    private static let settableKeys = InventoryImport.settableKeys(for: Runner.modules.modules)

    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Create an inventory from a kubespray hosts.yaml.",
        discussion: """
            Values that are not in that file are taken from --set, then from --like. The remaining \
            ones are written as blanks to fill in, and listed. Keys for --set: \
            \(settableKeys.joined(separator: ", ")).
            """)

    @Argument(help: "Kubespray's inventory, in YAML.") var hosts: String
    @Option(name: .shortAndLong, help: "The file to write (default: standard output).") var output: String?
    @Flag(name: .long, help: "Replace the file if it exists.") var force = false
    @Option(name: .long, help: "An inventory with the values that are not in the kubespray file.") var like: String?
    @Option(name: .long, help: ArgumentHelp("A value, as KEY=VALUE; can be repeated.", valueName: "key=value"))
    var set: [String] = []

    func validate() throws {
        _ = try values()
        if force, output == nil { throw ValidationError("--force requires --output") }
    }

    func run() async throws {
        try await reporting {
            let values = try values()
            let target = output.map { URL(filePath: $0).standardized.path }
            let folder = (target ?? URL(filePath: "x").path).split(separator: "/").dropLast()
            let (hosts, like, force) = (hosts, like, force)
            let result = try await runBlocking {
                let result = try InventoryImport(
                    values: values, like: like, folder: "/" + folder.joined(separator: "/"),
                    for: Runner.modules.modules
                )
                .convert(file: hosts)
                if let target { try InventoryImport.write(result.text, to: target, isForced: force) }
                return result
            }
            if target == nil { try StandardOutput.write(Array(result.text.utf8)) }
            for note in result.notes { Terminal.write("note: \(note.line(in: hosts))\n") }
            if let target { Terminal.write("wrote \(target)\n") }
            if !result.blanks.isEmpty {
                Terminal.write("fill in before use: \(result.blanks.joined(separator: ", "))\n")
            }
        }
    }

    private func values() throws -> [String: String] {
        var values: [String: String] = [:]
        for text in set {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, Self.settableKeys.contains(parts[0]) else {
                throw ValidationError(
                    "'\(text)' is not KEY=VALUE; keys are \(Self.settableKeys.joined(separator: ", "))")
            }
            guard values.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw ValidationError("\(parts[0]) is set twice")
            }
        }
        if values["ssh.key"] != nil, values["ssh.agent"] != nil {
            throw ValidationError("set only one of ssh.key and ssh.agent")
        }
        return values
    }
}
