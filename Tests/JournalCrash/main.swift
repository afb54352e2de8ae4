// A run that tests kill at any of its system calls. It says on standard output what has been promised to be on the disk.
import ClientKit
import Glibc
import Journal

func say(_ text: String) {
    let line = Array("\(text)\n".utf8)
    guard write(STDOUT_FILENO, line, line.count) == line.count else { exit(2) }
}

func command(_ journal: RunJournal, _ effect: Effect) async throws {
    let activity = Activity(
        channel: .ssh, host: "k8s-master-01", hostKeyFingerprint: "SHA256:abc", command: ["kubectl", "apply", "-f", "-"],
        standardInput: Array("password: hunter22".utf8), effect: effect)
    try await journal.willBegin(activity)
    if effect == .change { say("head \(await journal.head)") }
    journal.didReceive(Array("applied with hunter22\n".utf8)[...], from: .stdout, of: activity)
    try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(5)))
    if effect == .change { say("head \(await journal.head)") }
}

func work(_ journal: RunJournal, _ steps: [String], finished: [String: Checkpoint]) async throws {
    for step in steps where finished[step] == nil {
        try await journal.beginStep(step)
        try await command(journal, .read)
        try await journal.recordCheck(of: step, inPlace: false, changes: ["create Secret chatwoot"])
        try await command(journal, .change)
        let checkpoint = try await journal.finishStep(step, .applied, changes: ["create Secret chatwoot"])
        say("head \(checkpoint.audit)")
        say("step \(step)")
    }
    let outcome = try await journal.finish(.succeeded, exitCode: 0)
    say("head \(outcome.audit)")
    say("done")
}

do {
    let state = try StateDirectory.prepare(CommandLine.arguments[1])
    let redactor = Redactor([Secret("hunter22")])
    let steps = ["one", "two"]
    if let unfinished = try state.newestUnfinishedRun(module: "11") {
        let reopened = try await RunJournal.reopen(unfinished, in: state, redactor: redactor)
        say("run \(unfinished.id)")
        try await work(reopened.journal, steps, finished: reopened.finished)
    } else {
        let id = try RunJournal.newID(module: "11", in: state)
        let lock = try ModuleLock.acquire(module: "11", in: state, run: id)
        let journal = try await RunJournal.create(
            id,
            RunDescription(
                module: "11", steps: steps, runnerVersion: "test", inventoryPath: "/i.json", inventoryDigest: "00"),
            in: state, redactor: redactor)
        say("run \(id)")
        try await work(journal, steps, finished: [:])
        try lock.release()
    }
} catch {
    say("error \(error)")
    exit(1)
}
