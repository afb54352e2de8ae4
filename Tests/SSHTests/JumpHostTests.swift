import ClientKit
import Foundation
import Glibc
import SSH
import Testing

@Suite(.limitedParallelism) struct JumpHostTests {
    private func jump(_ server: TestServer, _ adjust: (inout SSHDestination) -> Void = { _ in }) throws -> JumpHost {
        JumpHost(
            try server.destination {
                $0.name = "bastion"
                adjust(&$0)
            })
    }

    private let command = RemoteCommand(["true"], effect: .read)

    @Test func severalSessionsTravelOnOneSessionToTheJumpHost() async throws {
        let (server, targets) = (try await TestServer(), [try await TestServer(), try await TestServer()])
        let jump = try jump(server)
        var connections: [SSHConnection] = []
        for target in targets { connections.append(try await .open(to: target.destination(), through: jump)) }
        let input = [UInt8](repeating: 7, count: 4 << 20)
        for connection in connections {
            let result = try await connection.run(RemoteCommand(["cat"], standardInput: input, effect: .read))
            #expect(result.standardOutput == input)
        }
        #expect(try logins(server) == 1)
        // The session to the jump host is not that of the first who asked for it.
        await connections[0].close()
        #expect(try await connections[1].run(command).exitStatus == 0)
        await jump.close()
        #expect(try await failure(of: command, on: connections[1]).cause.contains("jump host bastion"))
        #expect(try await failure(to: targets[0].destination(), through: jump).hostName == "bastion")
        #expect(try logins(server) == 1)
    }

    @Test func aJumpHostMayBeBehindAnother() async throws {
        let (outer, inner, target) = (try await TestServer(), try await TestServer(), try await TestServer())
        let far = JumpHost(try inner.destination { $0.name = "inner" }, through: try jump(outer))
        let connection = try await SSHConnection.open(to: target.destination(), through: far)
        #expect(try await connection.run(command).exitStatus == 0)
        #expect(try logins(outer) == 1)
        #expect(try logins(inner) == 1)
    }

    @Test func whatIsWrongIsSaidOfTheHostThatItIsWrongWith() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let destination = try target.destination()
        let unknown = try await failure(to: destination, through: try jump(server) { $0.knownHosts = [] })
        #expect((unknown.phase, unknown.kind, unknown.hostName) == (.hostKey, .refused, "bastion"))
        let stranger = try await failure(
            to: destination, through: try jump(server) { $0.identity = .keyFile(target.userKey) })
        #expect((stranger.phase, stranger.kind, stranger.hostName) == (.authentication, .refused, "bastion"))
        let port = try TestServer.freePort()
        let away = try await failure(to: destination, through: try jump(server) { $0.port = port })
        #expect((away.phase, away.kind, away.hostName) == (.connect, .unreachable, "bastion"))
        #expect(!(try target.log.contains("Connection from")))

        let good = try jump(server)
        let hidden = try await failure(to: target.destination { $0.knownHosts = [] }, through: good)
        #expect((hidden.phase, hidden.kind, hidden.hostName) == (.hostKey, .refused, "master-01"))
        let closed = try await failure(to: target.destination { $0.port = port }, through: good)
        #expect((closed.phase, closed.kind, closed.hostName) == (.connect, .unreachable, "master-01"))
        #expect(closed.cause.contains("bastion cannot connect to it"))
        // None of this has harmed the way through.
        let connection = try await SSHConnection.open(to: destination, through: good)
        #expect(try await connection.run(command).exitStatus == 0)
        #expect(try logins(server) == 1)
    }

    @Test func aJumpHostThatForbidsForwardsIsNotTakenForAnAbsentHost() async throws {
        let (server, target) = (try await TestServer(["AllowTcpForwarding no"]), try await TestServer())
        let error = try await failure(to: target.destination(), through: try jump(server))
        #expect((error.kind, error.hostName) == (.failed, "bastion"))
        #expect(error.remedy.contains("AllowTcpForwarding"))
    }

    @Test func aHostThatNeverAnswersDoesNotHoldUpTheOthers() async throws {
        let (server, target, silent) = (try await TestServer(), try await TestServer(), try FullListener())
        let jump = try jump(server) { $0.limits.connect = .seconds(15) }
        async let vain = failure(to: target.destination { $0.port = silent.port }, through: jump)
        try await eventually("the way to the silent host is asked for") {
            try server.log.contains("port \(silent.port)")
        }
        let connection = try await SSHConnection.open(
            to: target.destination { $0.limits.connect = .seconds(15) }, through: jump)
        #expect(try await connection.run(command).exitStatus == 0)
        let error = try await vain
        #expect((error.kind, error.hostName) == (.unreachable, "master-01"))
        #expect(error.cause.contains("bastion could not connect to it: no answer within"))
        #expect(try logins(server) == 2)
    }

    @Test func aJumpHostThatDiesIsNamedAsTheCause() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        let connection = try await SSHConnection.open(to: target.destination(), through: try jump(server))
        let started = target.path("started")
        async let failing = failure(
            of: RemoteCommand(["sh", "-c", "touch \"$0\"; sleep 60", started], effect: .read), on: connection)
        try await eventually("the command runs") { FileManager.default.fileExists(atPath: started) }
        for child in try server.sessions() { kill(child, SIGKILL) }
        let error = try await failing
        #expect((error.kind, error.hostName) == (.unknownOutcome, "master-01"))
        #expect(error.cause.contains("the connection to the jump host bastion is lost: the server closed"))
        let after = try await failure(of: command, on: connection)
        #expect(after.kind == .unreachable)
        #expect(after.cause.contains("jump host bastion"))
    }

    @Test func aJumpHostThatFallsSilentIsNamedAsTheCause() async throws {
        let (server, target) = (try await TestServer(), try await TestServer())
        func hasty(_ destination: inout SSHDestination) {
            destination.limits.keepaliveInterval = .seconds(2)
            destination.limits.silence = .seconds(5)
        }
        let connection = try await SSHConnection.open(
            to: target.destination(hasty), through: try jump(server, hasty))
        for child in try server.sessions() { kill(child, SIGSTOP) }
        defer { Task { for child in try server.sessions() { kill(child, SIGCONT) } } }
        let error = try await failure(of: RemoteCommand(["true"], effect: .read), on: connection)
        #expect(error.cause.contains("jump host bastion is lost: the server did not answer for"))
    }
}
