import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

/// Jump hosts whose sessions die, and hosts behind them that give no answer.
@Suite(.serialized, .limitedParallelism) struct JumpHostRecoveryTests {
    private let command = RemoteCommand(["true"], effect: .read)

    private func jump(
        _ server: TestServer, _ adjust: (inout SSHDestination) -> Void = { _ in }
    ) throws -> JumpHost {
        JumpHost(
            try server.destination {
                $0.name = "bastion"
                adjust(&$0)
            })
    }

    @Test func aSessionThatDiedIsReplaced() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let jump = try jump(server)
        let first = try await SSHConnection.open(to: target.destination(), through: jump)
        for child in try server.sessions() { kill(child, SIGKILL) }
        try await eventually("the loss is noticed") { first.lostJumpHost == "bastion" }
        for _ in 0..<2 {
            let next = try await SSHConnection.open(to: target.destination(), through: jump)
            #expect(try await next.run(command).exitStatus == 0)
        }
        #expect(try logins(server) == 2)
    }

    /// Who takes a jump host's place while it is in use is not trusted with the next session.
    @Test func anotherHostKeyAfterTheSessionDiedIsRefused() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let jump = try jump(server)
        let first = try await SSHConnection.open(to: target.destination(), through: jump)
        let known = try server.hostKeyLine()
        let key = server.path("host_ed25519")
        for file in [key, key + ".pub"] { try FileManager.default.removeItem(atPath: file) }
        try await shell("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
        #expect(try server.hostKeyLine() != known)
        kill(server.process.pid, SIGHUP)
        try await eventually("sshd has its new key") {
            try server.log.components(separatedBy: "Server listening on").count > 2
        }
        // The session that was verified goes on.
        let second = try await SSHConnection.open(to: target.destination(), through: jump)
        #expect(try await second.run(command).exitStatus == 0)
        for child in try server.sessions() { kill(child, SIGKILL) }
        try await eventually("the loss is noticed") { first.lostJumpHost == "bastion" }
        for _ in 0..<2 {
            let error = try await failure(to: target.destination(), through: jump)
            #expect((error.phase, error.hostName) == (.hostKey, "bastion"), "\(error)")
        }
        #expect(try logins(server) == 1)
    }

    @Test func aSessionThatFellSilentIsReplaced() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let jump = try jump(server) {
            $0.limits.keepaliveInterval = .seconds(2)
            $0.limits.silence = .seconds(4)
            $0.limits.connect = .seconds(15)
        }
        let first = try await SSHConnection.open(to: target.destination(), through: jump)
        await first.close()
        let stopped = try server.sessions()
        for child in stopped { kill(child, SIGSTOP) }
        defer { for child in stopped { kill(child, SIGKILL) } }
        let next = try await SSHConnection.open(to: target.destination(), through: jump)
        #expect(try await next.run(command).exitStatus == 0)
    }

    /// That a host behind it gives no answer is no reason to wait for the jump host itself.
    @Test func aJumpHostThatFallsSilentDuringItsFirstChannelIsNamedAsTheCause() async throws {
        let (server, target, silent) = (try await TestServer(), try await TestServer(), try FullListener())
        let jump = try jump(server) {
            $0.limits.keepaliveInterval = .seconds(2)
            $0.limits.silence = .seconds(4)
            $0.limits.connect = .seconds(6)
        }
        let vain = Task {
            try await failure(
                to: target.destination {
                    $0.port = silent.port
                    $0.limits.connect = .seconds(60)
                }, through: jump)
        }
        try await eventually("the silent host is asked for") { try server.log.contains("port \(silent.port)") }
        let stopped = try server.sessions() + [server.process.pid]
        for process in stopped { kill(process, SIGSTOP) }
        defer { for process in stopped { kill(process, SIGCONT) } }
        let began = ContinuousClock.now
        let error = try await vain.value
        #expect((error.kind, error.hostName) == (.unreachable, "bastion"), "\(error)")
        // On a busy machine the server's first message after the login comes with the login's end, and then the session counts
        // as one that starts: it gets the whole limit.
        #expect(.now - began < .seconds(75))
    }

    /// The host behind it may be well: nobody has asked for it yet.
    @Test func aJumpHostThatDoesNotStartIsNamedAsTheCause() async throws {
        let (server, target) = (try await slowSessions(seconds: 60), try await TestServer())
        let began = ContinuousClock.now
        let error = try await failure(
            to: target.destination { $0.limits.connect = .seconds(8) }, through: try jump(server))
        #expect(.now - began < .seconds(25))
        #expect((error.phase, error.kind, error.hostName) == (.channel, .unreachable, "bastion"))
        #expect(error.cause.contains("accepted the login"), "\(error)")
        #expect(error.remedy.contains("PAM"), "\(error)")
    }

    @Test func theStartOfAJumpHostIsNotTheTimeOfTheHostBehindIt() async throws {
        let (server, target) = (try await slowSessions(seconds: 12), try await slowSessions(seconds: 12))
        let connection = try await SSHConnection.open(
            to: target.destination { $0.limits.connect = .seconds(20) }, through: try jump(server))
        #expect(try await connection.run(command).exitStatus == 0)
    }

    @Test func deadHostsDelayNoLivingOneAndLeaveNothingBehind() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let jump = try jump(server) { $0.limits.connect = .seconds(25) }
        let dead = try (0..<4).map { _ in try FullListener() }
        func destination(_ port: UInt16) throws -> SSHDestination {
            try target.destination {
                $0.port = port
                $0.limits.connect = .seconds(25)
            }
        }
        let started = ContinuousClock.now
        var vain: [Task<SSHError, any Error>] = []
        for listener in dead {
            let destination = try destination(listener.port)
            vain.append(Task { try await failure(to: destination, through: jump) })
        }
        try await eventually("the first of them is asked for") { try server.log.contains("direct-tcpip") }
        let connection = try await SSHConnection.open(to: destination(target.port), through: jump)
        #expect(try await connection.run(command).exitStatus == 0)
        #expect(.now - started < .seconds(20))
        for task in vain {
            let error = try await task.value
            #expect((error.kind, error.hostName) == (.unreachable, "master-01"))
            #expect(error.cause == "bastion could not connect to it: no answer within 25 s")
        }
        #expect(.now - started < .seconds(50))
        try await eventually("the session with the living host is left") {
            try server.sessions().count == 1
        }
        #expect(try await connection.run(command).exitStatus == 0)
        await connection.close()
    }

    @Test func aCancelledConnectionEndsAtOnceWhereverItWaits() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let (silent, silentJump) = (try FullListener(), try SilentListener())
        // The jump host itself does not answer; then the host behind it; then one waits for the other's login.
        let mute = try jump(server) { $0.port = silentJump.port }
        let good = try jump(server)
        let behind = try target.destination { $0.port = silent.port }
        let tasks = [
            Task { try await failure(to: target.destination(), through: mute) },
            Task { try await failure(to: target.destination(), through: mute) },
            Task { try await failure(to: behind, through: good) },
            Task { try await failure(to: behind, through: good) },
        ]
        try await eventually("the silent host is asked for") { try server.log.contains("port \(silent.port)") }
        let cancelled = ContinuousClock.now
        for task in tasks { task.cancel() }
        for task in tasks { #expect(try await task.value.kind == .failed) }
        #expect(.now - cancelled < .seconds(15))
        try await eventually("nothing is left on the jump host") { try server.sessions().isEmpty }
    }
}

/// How often somebody has logged in to `server`.
func logins(_ server: TestServer) throws -> Int {
    try server.log.components(separatedBy: "Accepted publickey").count - 1
}
