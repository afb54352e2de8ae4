import ClientKit
import Foundation
import Glibc
import Journal

func say(_ text: String) {
    let line = Array("\(text)\n".utf8)
    guard write(STDOUT_FILENO, line, line.count) == line.count else { exit(2) }
}

/// A run of two steps, or what is left of one.
func run(in state: StateDirectory) async throws {
    let redactor = Redactor([Secret("hunter22")])
    let lock = try ModuleLock.acquire(module: "11", in: state)
    if let unfinished = try state.newestUnfinishedRun(module: "11") {
        let reopened = try await RunJournal.reopen(
            unfinished, in: state,
            by: RunProcess(runnerVersion: "test", inventoryPath: "/i.json", inventoryDigest: "00"), redactor: redactor)
        say("run \(unfinished.id)")
        try await work(reopened.journal, finished: reopened.finished)
    } else {
        let journal = try await RunJournal.create(
            description, in: state, holding: lock, redactor: redactor)
        say("run \(journal.id)")
        try await work(journal, finished: [:])
    }
    try lock.release()
}

/// A run beside whatever is there.
func runAnew(in state: StateDirectory) async throws {
    let lock = try ModuleLock.acquire(module: "11", in: state)
    try await work(RunJournal.create(description, in: state, holding: lock, redactor: Redactor()), finished: [:])
    try lock.release()
}

/// A run whose checkpoint cannot be set aside where `RUNNER_FAILPOINT` says so.
func withdraw(in state: StateDirectory) async throws {
    let lock = try ModuleLock.acquire(module: "11", in: state)
    let journal = try await RunJournal.create(description, in: state, holding: lock, redactor: Redactor())
    try await journal.beginStep("one")
    try await journal.finishStep("one", .inPlace)
    do {
        try await journal.withdrawCheckpoint(of: "one", because: "the object was removed by hand")
        say("withdrawn")
    } catch {
        say("not withdrawn: \(error)")
    }
    do {
        try await journal.finish(.failed, exitCode: 73)
        say("ended")
    } catch {
        say("not ended: \(error)")
    }
    try lock.release()
}

private let description = RunDescription(
    module: "11", steps: ["one", "two"], runnerVersion: "test", inventoryPath: "/i.json", inventoryDigest: "00")

private func work(_ journal: RunJournal, finished: [String: Checkpoint]) async throws {
    for step in description.steps where finished[step] == nil {
        do {
            try await play(step, in: journal)
        } catch {
            await end(journal, at: step, with: "\(error)")
            throw error
        }
    }
    let outcome = try await journal.finish(.succeeded, exitCode: 0)
    say("head \(outcome.audit)")
    say("done")
}

private func play(_ step: String, in journal: RunJournal) async throws {
    try await journal.beginStep(step)
    try await command(journal, .read)
    try await journal.recordCheck(of: step, inPlace: false, changes: ["create Secret chatwoot"])
    try await command(journal, .change)
    let checkpoint = try await journal.finishStep(step, .applied, changes: ["create Secret chatwoot"])
    say("head \(checkpoint.audit)")
    say("step \(step)")
}

/// Records as much of a failure as the disk takes, as the engine does.
private func end(_ journal: RunJournal, at step: String, with error: String) async {
    do {
        try await journal.failStep(step, error: error)
        say("head \(await journal.head)")
    } catch {
        say("not recorded: \(error)")
    }
    do {
        say("head \(try await journal.finish(.failed, exitCode: 73, error: error, step: step).audit)")
        say("failed")
    } catch {
        say("not ended: \(error)")
    }
}

private func command(_ journal: RunJournal, _ effect: Effect) async throws {
    let activity = Activity(
        channel: .ssh, host: "k8s-master-01", command: ["kubectl", "apply", "-f", "-"],
        standardInput: journal.inputDigester?.digest(ofInput: Array("password: hunter22".utf8)), effect: effect)
    try await journal.willBegin(activity)
    if effect == .change { say("head \(await journal.head)") }
    journal.didReceive(Array("applied with hunter22\n".utf8)[...], from: .stdout, of: activity)
    try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(5)))
    if effect == .change { say("head \(await journal.head)") }
}

/// Takes the lock, starts a child that outlives this process, and waits to be killed.
func hold(in state: StateDirectory) throws {
    let lock = try ModuleLock.acquire(module: "11", in: state)
    guard let id = RunID("20260101T000000Z-11-0abc") else { exit(5) }
    try lock.assign(to: id)
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("20"), nil]
    guard posix_spawn(&child, "/bin/sleep", nil, nil, &arguments, environ) == 0 else { exit(3) }
    say("child \(child)")
    // Also where the test is gone that would kill it.
    alarm(300)
    withExtendedLifetime(lock) { while true { pause() } }
}

/// Sends much output through one command and says how much memory that took at most, in KiB.
func pour(in state: StateDirectory, mebibytes: Int) async throws {
    let redactor = Redactor([Secret("hunter22"), Secret("p'a\"s$s\\w%rd")])
    let lock = try ModuleLock.acquire(module: "11", in: state)
    let journal = try await RunJournal.create(
        description, in: state, holding: lock, redactor: redactor)
    let activity = Activity(channel: .ssh, host: "h", command: ["cat"], effect: .read)
    try await journal.willBegin(activity)
    let line = "2026-11-24T08:45:01Z INFO {\"level\":\"info\",\"path\":\"/app\"} and more text\n"
    let secret = "\"password\":\"hunter22\"\n"
    let chunk = Array(String(repeating: String(repeating: line, count: 50) + secret, count: 8).utf8)
    let before = peakMemory()
    let start = ContinuousClock.now
    var sent = 0
    while sent < mebibytes << 20 {
        journal.didReceive(chunk[...], from: .stdout, of: activity)
        sent += chunk.count
    }
    let took = ContinuousClock.now - start
    try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: took))
    say("grew \(peakMemory() - before) KiB, took \(took)")
    try await journal.finish(.succeeded, exitCode: 0)
    try lock.release()
}

/// Prunes every run that may be pruned.
func prune(in state: StateDirectory) throws {
    let lock = try ModuleLock.acquire(module: "11", in: state)
    var pruner = try Pruner(state, endedBefore: .distantFuture, steps: [:])
    for run in try pruner.finishEarlier() { say("finished \(run)") }
    while let candidate = try pruner.next() {
        if let objection = candidate.objection {
            say("kept \(candidate.run.id) \(objection)")
            continue
        }
        try pruner.bury(pruner.prepare(candidate.run), signature: "a signature\n")
        say("pruned \(candidate.run.id)")
    }
    try lock.release()
}

func peakMemory() -> Int {
    var usage = rusage()
    guard getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { exit(4) }
    return usage.ru_maxrss
}
