import Foundation
import Glibc
import TestSupport
import Testing

@testable import ClientKit

/// Processes that have ended, or have not although it looks so; their parent, this process, asks for their status at the
/// end of a test only.
@Suite(.timeLimit(.minutes(5))) struct EndedProcessTests {
    private func eventually(_ condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            guard ContinuousClock.now < deadline else { return false }
            usleep(1000)
        }
        return true
    }

    /// As in a container whose first process is no init, or below a program that is stopped itself.
    @Test func aProcessThatNobodyReapsIsGone() throws {
        let child = try ChildProcess("sleep", ["600"])
        defer { child.end(SIGKILL) }
        #expect(try !child.identity().isGone)
        child.send(SIGKILL)
        try #require(eventually { child.state == "Z" })
        #expect(kill(child.pid, 0) == 0)
        #expect(try child.identity().isGone)
    }

    /// State Z in /proc as well; its other thread may change anything.
    @Test func aProcessWhoseFirstThreadAloneHasEndedIsNotGone() throws {
        let program = """
            import ctypes, threading, time
            threading.Thread(target=lambda: time.sleep(600)).start()
            print("ready")
            ctypes.CDLL(None).pthread_exit(None)
            """
        let child = try ChildProcess("python3", ["-u", "-c", program])
        defer { child.end(SIGKILL) }
        try #require(eventually { (try? child.output) == "ready\n" })
        try #require(eventually { child.state == "Z" })
        #expect(try !child.identity().isGone)
        #expect(!LocalProcess(child.pid).isEnding)
        child.send(SIGKILL)
        #expect(LocalProcess(child.pid).isEnding)
        #expect(eventually { LocalProcess(child.pid).isGone })
        #expect(kill(child.pid, 0) == 0)
    }

    /// The kernel gets to it when it has a processor for it.
    @Test func aProcessThatIsKilledCanOnlyEnd() throws {
        let child = try ChildProcess("sleep", ["600"])
        defer { child.end(SIGKILL) }
        #expect(!LocalProcess(child.pid).isEnding)
        child.send(SIGSTOP)
        try #require(eventually { child.state == "T" })
        #expect(!LocalProcess(child.pid).isEnding)
        child.send(SIGKILL)
        #expect(LocalProcess(child.pid).isEnding)
        #expect(eventually { LocalProcess(child.pid).isGone })
    }

    /// Ids are given again, in a container that is started again from 1.
    @Test func anotherProcessWithTheIdIsNotTheOneBefore() throws {
        let own = try #require(ProcessIdentity.current())
        let start = try #require(own.start)
        #expect(ProcessIdentity(own.description) == own)
        #expect(!own.isGone)
        func holder(_ start: String?) -> ProcessIdentity {
            ProcessIdentity(machine: own.machine, boot: own.boot, namespace: own.namespace, pid: own.pid, start: start)
        }
        let parts = start.split(separator: "@")
        try #require(parts.count == 2)
        let clock = parts[1]
        #expect(holder("\(try #require(UInt64(parts[0])) - 1)@\(clock)").isGone)
        // As an earlier version writes it, or in a namespace of time of its own, where ticks are others.
        for start in [nil, "1@time:[1]", "1", "1@", "@\(clock)", "1@2@\(clock)"] {
            #expect(!holder(start).isGone, "\(start ?? "none")")
        }
        let earlier = "\(own.machine) \(own.boot) \(own.namespace) \(own.pid)"
        #expect(ProcessIdentity(earlier)?.start == nil)
        #expect(ProcessIdentity(earlier)?.description == earlier)
    }

    @Test func aThreadHasEndedByItsStateOrItsFlags() throws {
        func stat(_ name: String, _ state: String, flags: Int) -> ThreadStat? {
            ThreadStat("4711 (\(name)) \(state) 1 4711 4711 0 -1 \(flags) 101 0 0 0 0 0 0 0 20 0 3 0 8122559 3133440")
        }
        for name in ["runner", "a b", ") Z 1", "(Z)"] {
            #expect(stat(name, "R", flags: 4_194_304)?.hasEnded == false)
            #expect(stat(name, "R", flags: 4_194_304)?.start == 8_122_559)
            #expect(stat(name, "D", flags: 0)?.hasEnded == false)
            // Its memory is being freed.
            for state in ["R", "D"] { #expect(stat(name, state, flags: 4_194_304 | 0x4)?.hasEnded == true) }
            for state in ["Z", "X"] { #expect(stat(name, state, flags: 0)?.hasEnded == true) }
        }
        for text in ["", "4711", "4711 (runner) Z", "4711 (runner) Z 1 4711 4711 0 -1 x 101"] {
            #expect(ThreadStat(text) == nil, "\(text)")
        }
    }
}

extension ChildProcess {
    /// As /proc tells.
    fileprivate var state: String? {
        Proc.line(of: "/proc/\(pid)/status", after: "State:").map { String($0.prefix(1)) }
    }

    fileprivate func identity() throws -> ProcessIdentity {
        let own = try #require(ProcessIdentity.current())
        return ProcessIdentity(machine: own.machine, boot: own.boot, namespace: own.namespace, pid: pid)
    }
}
