import ClientKit
import DataServers
import Foundation
import SSH
import TestSupport
import Testing

@testable import StepKit

/// The file of heads on a master, written and read over a real sshd.
@Suite(.timeLimit(.minutes(15))) struct HeadWitnessTests {
    private static let run = "20261126T120000Z-11-0a0b"

    private func line(_ sequence: Int, _ digit: String, after follows: String? = nil, run: String = run) -> HeadLine {
        HeadLine(
            run: run, head: "\(sequence):\(String(repeating: digit, count: 64))", follows: follows,
            origin: "install-01:/var/lib/keybuzz-runner")
    }

    private func withHost(_ work: (any RemoteShell, _ folder: String) async throws -> Void) async throws {
        let sshd = try SSHServer()
        defer { sshd.stop() }
        let connection = try await SSHConnection.open(
            to: SSHDestination(
                name: "k8s-master-02", address: "127.0.0.1", port: sshd.port, user: NSUserName(),
                identity: .keyFile(sshd.userKey), knownHosts: [sshd.knownHosts]),
            observer: IgnoringObserver(), passphrase: { _ in nil })
        try await withCleanup({ await connection.close() }) {
            try await work(connection, sshd.directory.path)
        }
    }

    @Test func headsThatFollowAreKeptAndOthersRefused() async throws {
        try await withHost { shell, folder in
            let path = "\(folder)/heads"
            let file = HeadFile(on: shell, path: path)
            let place = "k8s-master-02:\(path)"
            let (first, second) = (line(7, "a"), line(9, "b", after: line(7, "a").head))
            #expect(try await file.keep(first) == .kept(place: place))
            // A second time, as when the answer was lost.
            #expect(try await file.keep(first) == .kept(place: place))
            #expect(try await file.keep(second) == .kept(place: place))
            // Another chain, an older head, a head that follows nothing, and one that follows another.
            for wrong in [
                line(12, "c", after: line(7, "a").head), line(8, "d", after: second.head), line(20, "e"),
                line(9, "f", after: line(9, "b").head),
            ] {
                #expect(try await file.keep(wrong) == .refused(place: place, has: second.head))
            }
            // Another run begins a chain of its own, and needs nothing before it.
            let other = line(3, "1", run: "20261126T130000Z-11-0a0c")
            let invented = line(5, "2", after: line(4, "2").head, run: "20261126T140000Z-11-0a0d")
            #expect(try await file.keep(invented) == .refused(place: place, has: nil))
            #expect(try await file.keep(other) == .kept(place: place))
            let read = try await file.read()
            #expect(read.place == place && read.unreadable == [])
            #expect(read.lines.map(\.head) == [first, second, other].map(\.head))
            #expect(read.lines.map(\.run) == [Self.run, Self.run, other.run])
            #expect(read.lines.allSatisfy { $0.origin == first.origin })
            try await expectOnlyAppends(to: path, shell)
        }
    }

    /// Where the file system knows such files, and the login may make one.
    private func expectOnlyAppends(to path: String, _ shell: any RemoteShell) async throws {
        func status(_ arguments: [String]) async throws -> Int32 {
            try await shell.run(RemoteCommand(arguments, effect: .change)).exitStatus
        }
        guard try await status(["chattr", "+a", path]) == 0 else {
            return print("no file here can be made append-only")
        }
        #expect(try await status(["sh", "-c", ": > \"$1\"", "sh", path]) != 0)
        #expect(try await status(["rm", "-f", path]) != 0)
        #expect(try await status(["chattr", "-a", path]) == 0)
        print("the file can only be appended to")
    }

    @Test func aLineThatWasCutOffStaysAndIsNotRead() async throws {
        try await withHost { shell, folder in
            let path = "\(folder)/heads"
            try "2026-11-26T12:00:00Z 20261126T1".write(toFile: path, atomically: true, encoding: .utf8)
            let file = HeadFile(on: shell, path: path)
            #expect(try await file.keep(line(7, "a")) == .kept(place: "k8s-master-02:\(path)"))
            let read = try await file.read()
            #expect(read.lines.map(\.head) == [line(7, "a").head] && read.unreadable == [1])
            _ = try await shell.run(RemoteCommand(["chattr", "-a", path], effect: .change))
        }
    }

    /// Somebody who may only append cannot hide the line that comes next.
    @Test func aLineAfterAStrangeOneIsRead() async throws {
        try await withHost { shell, folder in
            let path = "\(folder)/heads"
            try "not a head\r".write(toFile: path, atomically: true, encoding: .utf8)
            let file = HeadFile(on: shell, path: path)
            _ = try await file.keep(line(7, "a"))
            let read = try await file.read()
            #expect(read.lines.map(\.head) == [line(7, "a").head] && read.unreadable == [1])
            _ = try await shell.run(RemoteCommand(["chattr", "-a", path], effect: .change))
        }
    }

    @Test func aFileThatCannotBeWrittenIsAnErrorThatNamesIt() async throws {
        try await withHost { shell, folder in
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/link", withDestinationPath: "\(folder)/elsewhere")
            for path in ["\(folder)/link", folder, "\(folder)/nothing/heads"] {
                let error = try await #require(throws: StepFailure.self) {
                    _ = try await HeadFile(on: shell, path: path).keep(line(7, "a"))
                }
                #expect(error.cause.contains(path), "\(error)")
            }
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/elsewhere"))
        }
    }

    /// A login without root's rights writes below its home, and without one says so.
    @Test func aLoginWithoutRootHasItsFileAtHome() async throws {
        let home = FileManager.default.temporaryDirectory.appending(path: "home-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: home, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
        defer { try? FileManager.default.removeItem(at: home) }
        func shell(_ home: String) -> LocalShell {
            LocalShell(
                prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=\(home)"])
        }
        let answer = try await HeadFile(on: shell(home.path)).keep(line(7, "a"))
        #expect(answer == .kept(place: "k8s-master-01:\(home.path)/.keybuzz-runner.heads"))
        let error = try await #require(throws: StepFailure.self) {
            _ = try await HeadFile(on: shell("/nothing/here")).keep(line(7, "a"))
        }
        #expect(error.cause.contains("the login has no home directory, and is not root"))
    }
}
