import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

@Suite struct StateDirectoryTests {
    @Test func theFlagBeatsTheEnvironmentWhichBeatsTheDefault() {
        let environment = ["RUNNER_STATE_DIR": "/env", "XDG_STATE_HOME": "/xdg", "HOME": "/home/a"]
        #expect(StateDirectory.resolve(flag: "/flag/", environment: environment, userID: 0) == "/flag")
        #expect(StateDirectory.resolve(flag: nil, environment: environment, userID: 0) == "/env")
        #expect(StateDirectory.resolve(flag: nil, environment: [:], userID: 0) == "/var/lib/keybuzz-runner")
        #expect(
            StateDirectory.resolve(flag: nil, environment: ["XDG_STATE_HOME": "/xdg"], userID: 1000)
                == "/xdg/keybuzz-runner")
        #expect(
            StateDirectory.resolve(flag: nil, environment: ["HOME": "/home/a"], userID: 1000)
                == "/home/a/.local/state/keybuzz-runner")
        #expect(StateDirectory.resolve(flag: "here", environment: [:]).hasPrefix("/"))
    }

    @Test func aNewDirectoryIsClosedToOthersAndOneThatIsOpenIsRefused() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/a/b"
        #expect(try StateDirectory.prepare(path).path == path)
        #expect(try mode(path) == 0o700)
        chmod(path, 0o755)
        let error = #expect(throws: JournalError.self) { try StateDirectory.prepare(path) }
        #expect(error?.kind == .stateNotWritable)
        #expect(error?.remedy == "run `chmod 700 \(path)`")
        mkdir("\(scratch.path)/empty", 0o755)
        _ = try StateDirectory.prepare("\(scratch.path)/empty")
        #expect(try mode("\(scratch.path)/empty") == 0o700)
    }

    @Test func whatIsNotADirectoryOrNotOursIsRefused() throws {
        let scratch = try Scratch()
        try overwrite("\(scratch.path)/file", [])
        #expect(throws: JournalError.self) { try StateDirectory.prepare("\(scratch.path)/file") }
        guard geteuid() == 0 else { return }
        mkdir("\(scratch.path)/other", 0o700)
        chown("\(scratch.path)/other", 1234, 1234)
        let error = #expect(throws: JournalError.self) { try StateDirectory.prepare("\(scratch.path)/other") }
        #expect(error?.cause.contains("1234") == true)
    }

    @Test func networkFileSystemsAreKnownByTheirMount() {
        let mounts = """
            22 1 254:0 / / rw - ext4 /dev/vda rw
            30 22 0:40 / /srv/my\\040share rw shared:1 - nfs4 server:/x rw
            31 22 0:41 / /srv rw - tmpfs tmpfs rw
            """
        #expect(StateDirectory.fileSystem(of: "/srv/my share/state", mounts: mounts) == "nfs4")
        #expect(StateDirectory.fileSystem(of: "/srv/other", mounts: mounts) == "tmpfs")
        #expect(StateDirectory.fileSystem(of: "/srvx", mounts: mounts) == "ext4")
    }

    @Test func tooLittleFreeSpaceIsSaidBeforeAnythingBegins() throws {
        let scratch = try Scratch()
        let error = #expect(throws: JournalError.self) {
            try StateDirectory.prepare("\(scratch.path)/s", minimumFree: 1 << 60)
        }
        #expect(error?.kind == .stateNotWritable)
        #expect(error?.cause.contains("KiB free") == true)
    }

    @Test func idsSortByTheOrderOfRunsEvenWhenTheClockGoesBack() throws {
        let time = Date(timeIntervalSince1970: 1_800_000_000)
        var newest = try #require(RunID(module: "11", time: time, after: nil))
        #expect(newest.description.hasPrefix("20270115T080000Z-11-"))
        for offset in [0, 0, -3600, 0, 1, 0] as [Double] {
            let next = try #require(RunID(module: "11", time: time + offset, after: newest))
            #expect(next > newest)
            newest = next
        }
        for text in ["../../etc", "20270115T080000Z-11-zzzz", "20270115T080000Z-1/-3f9a", "", "a-b-c"] {
            #expect(RunID(text) == nil)
        }
    }

    @Test func theRunToGoOnWithIsTheNewestThatDidNotSucceed() async throws {
        let state = try Scratch().state()
        #expect(try state.newestUnfinishedRun(module: "11") == nil)
        let failed = try await newRun(in: state)
        try await failed.finish(.failed, exitCode: 1)
        let refused = try await newRun(in: state)
        try await refused.finish(.refused, exitCode: 69)
        #expect(try state.newestUnfinishedRun(module: "11")?.id == failed.id)
        #expect(try state.newestUnfinishedRun(module: "12") == nil)
        try await newRun(in: state).finish(.succeeded, exitCode: 0)
        #expect(try state.newestUnfinishedRun(module: "11") == nil)
        let cut = try await newRun(in: state)
        #expect(try state.newestUnfinishedRun(module: "11")?.id == cut.id)
        try await cut.beginStep("one")
        try await cut.finish(.refused, exitCode: 69)
        #expect(try state.newestUnfinishedRun(module: "11")?.id == cut.id)
    }

    /// A later success settles what its steps cover, whatever else the earlier run was asked for.
    @Test(arguments: [
        (["one", "wipe", "two"], [["one", "two"]], true),
        (["one", "wipe", "two"], [["one", "wipe", "two"]], true),
        (["one", "wipe", "two"], [["two"]], false),
        (["one", "wipe", "two"], [["wipe", "two"]], false),
        (["one", "wipe", "two"], [["one"], ["two"]], true),
        (["wipe"], [["two"]], false),
        (["wipe"], [["wipe"]], true),
        (["wipe"], [["one", "two"]], true),
        (["two"], [["one"]], false),
        (["two"], [["two"]], true),
        (["one", "gone"], [["one"]], false),
        (["one", "gone"], [["one", "two"]], true),
        (["one", "two"], [], false),
    ]) func aSuccessSettlesWhatItsStepsCover(_ earlier: [String], _ later: [[String]], _ isSettled: Bool) async throws {
        let names = StepNames(always: ["one", "two"], onRequest: ["wipe"])
        let state = try Scratch().state()
        func run(_ steps: [String]) -> RunDescription {
            RunDescription(
                module: "11", steps: steps, runnerVersion: "1", inventoryPath: "/i.json",
                inventoryDigest: "00")
        }
        let cut = try await newRun(run(earlier), in: state)
        var successes: [RunID] = []
        for steps in later {
            let journal = try await newRun(run(steps), in: state)
            try await journal.finish(.succeeded, exitCode: 0)
            successes.append(journal.id)
        }
        let found = try state.newestUnfinishedRun(module: "11", steps: names)
        #expect(found?.id == (isSettled ? nil : cut.id))
        let reader = try #require(try state.run(cut.id))
        let settling = try state.successes(since: reader, of: names)
        #expect(settling == (isSettled ? successes.reversed() : []))
    }

    /// As the list of heads is searched for the lines of one run.
    @Test(arguments: [
        ("11-00", true), ("a 11-00", true), ("11-00 b", true), ("11-011-00", true), ("1111-00", true), ("11-0", false),
        ("11-01", false), ("1-00", false), ("", false),
    ]) func aTextIsFoundWhereverItIs(line: String, isThere: Bool) {
        #expect(Array("x\(line)x".utf8).dropFirst().dropLast().holds(Array("11-00".utf8)) == isThere)
    }

    private func mode(_ path: String) throws -> mode_t {
        var facts = stat()
        try #require(stat(path, &facts) == 0)
        return facts.st_mode & 0o777
    }
}
