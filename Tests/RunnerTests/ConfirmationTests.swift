import ClientKit
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// What the operator confirms is what is reset: `run` reads the inventory once, before it asks.
@Suite(.timeLimit(.minutes(20))) struct ConfirmationTests {
    @Test func anInventoryThatIsEditedWhileItIsAskedAboutIsNotTheOneThatIsReset() async throws {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "confirm-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer {
            do { try FileManager.default.removeItem(at: scratch) } catch { Issue.record("\(error)") }
        }
        let inventory = scratch.appending(path: "inventory.json")
        let first = try Self.write(database: "chatwoot", to: inventory)

        let terminal = try PseudoTerminal()
        let run = try ChildProcess(
            Program.runner.file.path,
            ["run", "11", "--reset-database", "--inventory", inventory.path]
                + ["--state-dir", scratch.appending(path: "state").path],
            input: terminal.slave, errors: .file(terminal.slave))
        try terminal.read(until: "name to continue: ")
        _ = try Self.write(database: "another", to: inventory)
        try terminal.type("chatwoot\n")
        try terminal.read(until: "failed")
        // There are no credentials: the run ends before it connects to anything.
        #expect(await run.wait() == 65)
        let record = try #require(
            try StateDirectory.reading(scratch.appending(path: "state").path).runs().first)
        #expect(try record.header().content?.inventory.sha256 == first)
    }

    /// The shipped inventory with another database and no credentials; its digest.
    private static func write(database: String, to file: URL) throws -> String {
        let text = try Shipped.inventoryText([
            (#""database": "chatwoot""#, #""database": "\#(database)""#),
            ("/opt/keybuzz-installer-v2/credentials", "/nowhere"),
        ])
        try Data(text.utf8).write(to: file)
        return SHA256.hash(data: Array(text.utf8)).hex
    }
}

/// A terminal that a test types on and reads from.
private struct PseudoTerminal {
    private let master: FileHandle
    let slave: FileHandle

    struct Failure: Error {
        let said: String
    }

    init() throws {
        let number = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN, which are not imported: unlock the other end, and get its number.
        var (isLocked, index): (Int32, UInt32) = (0, 0)
        try #require(
            number >= 0 && ioctl(number, 0x4004_5431, &isLocked) == 0
                && ioctl(number, 0x8004_5430, &index) == 0)
        let other = open("/dev/pts/\(index)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(other >= 0)
        master = FileHandle(fileDescriptor: number, closeOnDealloc: true)
        slave = FileHandle(fileDescriptor: other, closeOnDealloc: true)
    }

    func type(_ text: String) throws { try master.write(contentsOf: Data(text.utf8)) }

    /// Reads until `text` has come; throws with what came where nothing more does for a while.
    func read(until text: String) throws {
        var said = ""
        while !said.contains(text) {
            var waiting = pollfd(fd: master.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 60_000) > 0 else { throw Failure(said: said) }
            let piece = master.availableData
            guard !piece.isEmpty else { throw Failure(said: said) }
            said += String(decoding: piece, as: UTF8.self)
        }
    }
}
