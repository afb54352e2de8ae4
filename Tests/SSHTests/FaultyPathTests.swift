import ClientKit
import DataServers
import Foundation
import SSH
import TestSupport
import Testing

/// A path to sshd that breaks in each way, at each moment of a command.
@Suite(.timeLimit(.minutes(15)), .limitedParallelism) struct FaultyPathTests {
    private func destination(of server: TestServer, through proxy: FaultyProxy) throws -> SSHDestination {
        try server.destination(knownHosts: "[127.0.0.1]:\(proxy.port) \(server.hostKeyLine())\n") {
            $0.port = proxy.port
            $0.limits.keepaliveInterval = .seconds(3)
            $0.limits.silence = .seconds(10)
            $0.lockFile = server.path("lock-\(proxy.port)")
        }
    }

    @Test(arguments: FaultyProxy.Fault.allCases)
    func aCommandIsUnknownAndNeverDoneTwice(fault: FaultyProxy.Fault) async throws {
        let server = try await TestServer()
        try await withThrowingTaskGroup { group in
            for moment in FaultyProxy.Moment.allCases {
                for effect in [Effect.change, .read] {
                    group.addTask { try await breaks(fault, at: moment, effect, on: server) }
                }
            }
            try await group.waitForAll()
        }
        survived(
            "\(fault.words): command over SSH", times: FaultyProxy.Moment.allCases.count * 2,
            oracle: "its outcome is unknown, it is done at most once, and the next connection works")
    }

    private func breaks(
        _ fault: FaultyProxy.Fault, at moment: FaultyProxy.Moment, _ effect: Effect, on server: TestServer
    ) async throws {
        let proxy = FaultyProxy(to: server.port)
        let destination = try destination(of: server, through: proxy)
        let file = server.path("\(moment)-\(effect)")
        let observer = RecordingObserver()
        let connection = try await SSHConnection.open(to: destination, observer: observer)
        let script = RemoteCommand(
            ["sh", "-c", "echo done >> \"$0\"; echo answer", file], effect: effect, timeout: .seconds(15))
        proxy.arm(fault, at: moment)
        let began = ContinuousClock.now
        if fault == .delay {
            #expect(try await connection.run(script).outputText == "answer\n")
        } else {
            let error = try await failure(of: script, on: connection)
            // A read's too: the step begins again from its check, and everything else through the next host.
            #expect(error.kind == .unknownOutcome && error.hostIsLost, "\(moment): \(error)")
            #expect(.now - began < .seconds(40), "\(moment)")
            if fault.isSilent { #expect(error.cause.contains(/\d s/), "\(moment): \(error)") }
            #expect(observer.entries.last?.isUnknown == true)
            let later = try await failure(of: script, on: connection)
            #expect(later.kind == .unreachable && later.cause.contains("nothing was sent"), "\(moment): \(later)")
        }
        #expect(proxy.hits == 1, "\(moment)")
        let next = try await SSHConnection.open(to: destination)
        // Under the lock, so that it comes after whatever still runs there.
        let look = RemoteCommand(["sh", "-c", "cat \"$0\" 2>/dev/null; true", file], effect: .change)
        let isDone = fault == .delay || moment == .inAnswer
        let found = try await next.run(look).outputText
        #expect(found == (isDone ? "done\n" : ""), "\(fault) \(moment) \(effect)")
    }

    @Test(arguments: FaultyProxy.Fault.allCases, [0, 30, 500, 1500, 2500])
    func aLoginIsUnreachable(fault: FaultyProxy.Fault, after bytes: Int) async throws {
        let server = try await TestServer()
        for direction in FaultyProxy.Direction.allCases {
            let proxy = FaultyProxy(to: server.port)
            let destination = try destination(of: server, through: proxy)
            var hasty = destination
            hasty.limits.connect = .seconds(6)
            proxy.arm(fault, direction, after: bytes)
            let began = ContinuousClock.now
            do throws(SSHError) {
                let connection = try await SSHConnection.open(to: hasty)
                #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
            } catch {
                #expect(fault != .delay, "\(error)")
                #expect([.unreachable, .unknownOutcome].contains(error.kind), "\(bytes) \(direction): \(error)")
                if fault.isSilent { #expect(error.cause.contains(/\d s/), "\(bytes) \(direction): \(error)") }
            }
            #expect(.now - began < .seconds(40), "\(bytes) \(direction)")
            let next = try await SSHConnection.open(to: destination)
            #expect(try await next.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
            survived(
                "\(fault.words): login over SSH", times: proxy.hits,
                oracle: "tried again or unreachable within its limit, and the next connection works")
        }
    }

    @Test(arguments: [true, false]) func whatIsCutWhileIdleSendsNothing(isReset: Bool) async throws {
        let server = try await TestServer()
        let proxy = FaultyProxy(to: server.port)
        let connection = try await SSHConnection.open(to: destination(of: server, through: proxy))
        proxy.cut(withReset: isReset)
        let deadline = ContinuousClock.now + .seconds(20)
        while await connection.isOpen, .now < deadline { try await Task.sleep(for: .milliseconds(10)) }
        let file = server.path("idle")
        let error = try await failure(of: RemoteCommand(["touch", file], effect: .change), on: connection)
        #expect(error.kind == .unreachable && error.cause.contains("nothing was sent"))
        #expect(!FileManager.default.fileExists(atPath: file))
    }
}
