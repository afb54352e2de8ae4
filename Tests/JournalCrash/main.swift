// What the journal's tests do in a process of its own, to kill it at any system call, hold a lock in it, or measure it.
// Standard output says what has been promised to be on the disk.
import ClientKit
import Foundation
import Glibc
import Journal

do {
    let minimum = ProcessInfo.processInfo.environment["JOURNAL_MINIMUM_FREE"].flatMap { Int($0) }
    let state = try StateDirectory.prepare(CommandLine.arguments[2], minimumFree: minimum ?? 16 << 20)
    switch CommandLine.arguments[1] {
    case "run": try await run(in: state)
    case "hold": try hold(in: state)
    case "pour": try await pour(in: state, mebibytes: Int(CommandLine.arguments[3]) ?? 1)
    case "withdraw": try await withdraw(in: state)
    case "new": try await runAnew(in: state)
    case "prune": try prune(in: state)
    case "random":
        var run = RandomRun(in: state, seed: UInt64(CommandLine.arguments[3]) ?? 0)
        try await run.play(signedBy: CommandLine.arguments[4])
    case "fingerprint": for text in CommandLine.arguments.dropFirst(3) { say("\(SecretFingerprint(of: Secret(text)))") }
    default: exit(64)
    }
} catch {
    say("error \(error)")
    exit(1)
}
