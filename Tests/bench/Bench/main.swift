// What `make bench` compares with other tools: the runner's SSH layer and its cluster reader, and nothing else of it.
// The plan is a file; the answer is one JSON document on standard output.
import Foundation

do {
    let plan = try Plan(file: CommandLine.arguments.dropFirst().first ?? "")
    let answer = try await plan.carryOut()
    try FileHandle.standardOutput.write(contentsOf: JSONEncoder().encode(answer))
} catch {
    try FileHandle.standardError.write(contentsOf: Data("\(error)\n".utf8))
    exit(1)
}
