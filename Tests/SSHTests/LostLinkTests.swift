import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

@Suite(.limitedParallelism) struct LostLinkTests {
    @Test func aServerThatDiesLeavesTheOutcomeUnknown() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        let started = server.path("started")
        async let failing = failure(
            of: RemoteCommand(["sh", "-c", "touch \"$0\"; sleep 2; touch \"$0.done\"", started], effect: .change),
            on: connection)
        try await eventually("the command runs") { FileManager.default.fileExists(atPath: started) }
        for child in try server.sessions() { kill(child, SIGKILL) }
        let error = try await failing
        #expect(error.kind == .unknownOutcome)
        #expect(error.hostIsLost)
        #expect(error.phase == .command)
        #expect(error.cause.contains("the server closed the connection"))
        #expect(error.cause.hasSuffix("; whether the command took effect is unknown"))
        guard case .unknown = try #require(observer.ended.first) else { Issue.record("recorded as known"); return }
        #expect(observer.ended.count == 1)
        // The command itself goes on, which is why the outcome is not a failure.
        try await eventually("the command ends") { FileManager.default.fileExists(atPath: started + ".done") }
        let after = try await failure(of: RemoteCommand(["true"], effect: .read), on: connection)
        #expect(after.kind == .unreachable)
        #expect(after.cause.contains("nothing was sent"))
        #expect(observer.begun.count == 1)
        await #expect(throws: SSHError.self) { try await connection.forward(toHost: "127.0.0.1", port: 1) }
    }

    @Test func aCutLinkIsNotTheEndOfInput() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let target = server.path("target")
        // Reads the rest only when the link is cut, so that most of the input is still on its way then.
        let script = """
            head -c 1000 >/dev/null; touch "$0.reading"; until [ -e "$0.cut" ]; do sleep 0.05; done
            cat >"$0.tmp" && mv "$0.tmp" "$0"
            """
        async let failing = failure(
            of: RemoteCommand(
                ["sh", "-c", script, target], standardInput: [UInt8](repeating: 1, count: 32 << 20), effect: .change),
            on: connection)
        try await eventually("the command reads") { FileManager.default.fileExists(atPath: target + ".reading") }
        for child in try server.sessions() { kill(child, SIGKILL) }
        #expect(FileManager.default.createFile(atPath: target + ".cut", contents: nil))
        #expect(try await failing.kind == .unknownOutcome)
        // The lock is free again once everything that belonged to the command is gone.
        try await shell("/usr/bin/flock", ["-x", "-w", "10", server.path("lock"), "true"])
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test func aSilentServerIsNoticed() async throws {
        let server = try await TestServer()
        let destination = try server.destination {
            $0.limits.keepaliveInterval = .seconds(2)
            $0.limits.silence = TimeLimit(.seconds(5), key: "limits.silence")
        }
        let connection = try await SSHConnection.open(to: destination)
        let idle = try await SSHConnection.open(to: destination)
        for child in try server.sessions() { kill(child, SIGSTOP) }
        defer { Task { for child in try server.sessions() { kill(child, SIGCONT) } } }
        let started = ContinuousClock.now
        let error = try await failure(of: RemoteCommand(["true"], effect: .read), on: connection)
        #expect(error.kind == .unknownOutcome && error.hostIsLost)
        #expect(error.cause.contains(/s \(limits\.silence( is 5 s)?\), not even keepalives$/), "\(error)")
        #expect(error.remedy == "check whether the host is up, and whether sshd's log there says more")
        // Long before the command's own limit, also where all other tests want the two processors.
        #expect(.now - started < .seconds(30))
        try await Task.sleep(for: .seconds(4))
        // At once: one that was sent, and waited for an answer, would be of an unknown outcome.
        let later = try await failure(of: RemoteCommand(["true"], effect: .read), on: idle)
        #expect(later.kind == .unreachable && later.cause.contains("nothing was sent"), "\(later)")
    }

    /// PAM's session modules run between the login and the first channel; sshd answers nothing meanwhile.
    @Test func aSlowStartOfTheUsersProcessIsNotSilence() async throws {
        let server = try await slowSessions(seconds: 12)
        let connection = try await SSHConnection.open(
            to: server.destination {
                $0.limits.keepaliveInterval = .seconds(2)
                $0.limits.silence = .seconds(8)
            })
        #expect(try await connection.run(RemoteCommand(["echo", "here"], effect: .read)).outputText == "here\n")
    }

    @Test func aStartOfTheUsersProcessThatTakesTooLongIsNamed() async throws {
        let server = try await slowSessions(seconds: 60)
        let began = ContinuousClock.now
        let error = try await failure(
            to: server.destination { $0.limits.connect = TimeLimit(.seconds(8), key: "limits.connect") })
        #expect(.now - began < .seconds(30))
        #expect(error.phase == .channel)
        #expect(error.kind == .unreachable)
        let words = "accepted the login, and then did not answer within 8 s (limits.connect)"
        #expect(error.cause.contains(words), "\(error)")
        #expect(error.remedy.contains("PAM"), "\(error)")
    }

    @Test func keepalivesHoldAnIdleSession() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(
            to: server.destination {
                $0.limits.keepaliveInterval = .seconds(2)
                $0.limits.silence = .seconds(8)
            })
        // Nothing else shows that an idle session lives on; a dead one would be noticed after 8 s.
        try await Task.sleep(for: .seconds(12))
        #expect(try await connection.run(RemoteCommand(["echo", "here"], effect: .read)).outputText == "here\n")
    }

    @Test func aLongSilentCommandIsNotTakenForDeath() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(
            to: server.destination {
                $0.limits.keepaliveInterval = .seconds(2)
                $0.limits.silence = .seconds(8)
            })
        #expect(try await connection.run(RemoteCommand(["sleep", "12"], effect: .read)).exitStatus == 0)
    }

    @Test func aRefusedConnectionIsNamed() async throws {
        let server = try await TestServer()
        var destination = try server.destination()
        destination.port = try TestServer.freePort()
        let error = try await failure(to: destination)
        #expect(error.phase == .connect)
        #expect(error.kind == .unreachable)
        #expect(error.cause.contains("connection refused"))
    }

    @Test func aPortThatNeverAnswersTimesOut() async throws {
        let server = try await TestServer()
        let listener = try SilentListener()
        let destination = try server.destination {
            $0.port = listener.port
            $0.limits.connect = .seconds(1)
        }
        let started = ContinuousClock.now
        let error = try await failure(to: destination)
        #expect(error.phase == .handshake)
        #expect(error.kind == .unreachable)
        #expect(.now - started < .seconds(10))
    }

    @Test func anAddressThatDoesNotExistIsNamed() async throws {
        let server = try await TestServer()
        let error = try await failure(to: server.destination { $0.address = "no-such-host.invalid" })
        #expect(error.phase == .connect)
        #expect(error.kind == .unreachable)
    }

    @Test func aServerThatTurnsConnectionsAwayIsTriedAgain() async throws {
        // The one unauthenticated connection that it allows is taken, until the server has turned ours away.
        let server = try await TestServer(["MaxStartups 1:100:1"])
        let blocker = Locked<ConnectedSocket?>(try ConnectedSocket(port: server.port))
        try await eventually("the place is taken") { try server.log.contains("Connection from") }
        async let opening = server.connect()
        try await eventually("the server turns us away") { try server.log.contains("drop connection") }
        blocker.withLock { $0 = nil }
        #expect(try await opening.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }
}

/// A server whose PAM lets each session begin after some seconds.
func slowSessions(seconds: Int) async throws -> TestServer {
    try await TestServer(
        ["UsePAM yes"],
        files: [
            "/etc/pam.d/sshd": """
            auth required pam_permit.so
            account required pam_permit.so
            session required pam_exec.so /bin/sleep \(seconds)

            """
        ])
}
