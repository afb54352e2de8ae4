import ClientKit
import Foundation
import Testing

@testable import SSH

/// Every wait ends by itself and can be cancelled.
@Suite struct SuspensionTests {
    /// Only `Wait` suspends a task, and it asks for a deadline.
    @Test func nothingElseSuspendsATask() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/SSH").standardizedFileURL
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var seen = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            seen += 1
            let text = try String(contentsOf: file, encoding: .utf8)
            let words = [
                "Continuation", "Task.sleep", "AsyncStream", "DispatchSemaphore", "await task.", ".value.get()",
            ]
            for word in words where text.contains(word) {
                #expect(file.lastPathComponent == "Wait.swift", "\(file.lastPathComponent) has \(word)")
            }
            // The time of day may be set at any moment.
            for word in ["Date()", "Date.now", "SuspendingClock", "gettimeofday", "CLOCK_REALTIME"] {
                #expect(!text.contains(word), "\(file.lastPathComponent) has \(word)")
            }
        }
        #expect(seen > 30)
    }

    @Test func aDeadlineKeepsItsLimitWhateverIsLeft() {
        let deadline = Deadline(in: .seconds(5))
        let later = deadline.postponed(by: .seconds(3))
        #expect(later.limit == .seconds(5))
        #expect(later.end == deadline.end + .seconds(3))
        #expect(!deadline.hasPassed)
        #expect(Deadline(in: .seconds(0)).hasPassed)
    }

    @Test func onlyTheFirstEndOfAWaitCounts() async throws {
        let loop = try EventLoop()
        let waiter = Waiter(loop: loop)
        #expect(await waiter.wait(for: .milliseconds(50)) == .timedOut)
        let task = Task { await waiter.wait(for: .seconds(60)) }
        task.cancel()
        #expect(await task.value == .cancelled)
        let deaf = Task { await waiter.wait(for: .milliseconds(50), isOpenToCancellation: false) }
        deaf.cancel()
        #expect(await deaf.value == .timedOut)
        let wait = Wait()
        let signalled = Task { await waiter.wait(wait, for: .seconds(60)) }
        wait.end()
        wait.end(.cancelled)
        #expect(await signalled.value == .signalled)
    }
}

private actor Waiter {
    private let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: EventLoop) {
        self.loop = loop
    }

    isolated deinit {
        loop.stop()
    }

    func wait(_ wait: Wait = Wait(), for limit: Duration, isOpenToCancellation: Bool = true) async -> Wait.End {
        await loop.wait(wait, until: .now + limit, isOpenToCancellation: isOpenToCancellation, isolation: self)
    }
}
