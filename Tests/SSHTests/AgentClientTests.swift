import ClientKit
import DataServers
import Foundation
import Glibc
import TestSupport
import Testing

@testable import SSH

/// An agent that takes its time: one limit covers all of an answer.
@Suite struct AgentClientTests {
    private let folder: URL

    init() throws { folder = try makeTemporaryDirectory() }

    private func failure(ofAgentAt path: String, within limit: TimeLimit) async throws -> AgentClient.Failure {
        try await runBlocking {
            do throws(AgentClient.Failure) {
                _ = try AgentClient(socketPath: path).identities(until: Deadline(in: limit))
            } catch {
                return error
            }
            throw Unexpected(description: "the agent answered")
        }
    }

    private let limit = TimeLimit(.seconds(1), key: "limits.agent")

    /// Each byte comes in time, and the whole does not.
    @Test func anAnswerThatComesPieceByPieceEndsWithTheLimit() async throws {
        let path = folder.appending(path: "drips").path
        let listener = try SilentUnixListener(path: path)
        Thread.detachNewThread { [number = listener.number] in
            let socket = accept(number, nil, nil)
            // The length of an answer that never is whole; the client closes the connection.
            var bytes: [UInt8] = [0, 0, 255, 0]
            bytes += [UInt8](repeating: 12, count: 600)
            for byte in bytes {
                guard withUnsafeBytes(of: byte, { send(socket, $0.baseAddress, 1, Int32(MSG_NOSIGNAL)) }) == 1 else {
                    break
                }
                usleep(200_000)
            }
            close(socket)
        }
        let began = ContinuousClock.now
        #expect(try await failure(ofAgentAt: path, within: limit) == .silent(limit))
        #expect(.now - began < .seconds(60), "the 604 bytes take two minutes")
        withExtendedLifetime(listener) {}
    }

    /// As where it was stopped, and everybody else waits for it too.
    @Test func aFullQueueOfConnectionsIsSilence() async throws {
        let path = folder.appending(path: "full").path
        let listener = try SilentUnixListener(path: path, backlog: 0)
        let occupants = try SilentUnixListener.connections(to: path)
        #expect(try await failure(ofAgentAt: path, within: limit) == .silent(limit))
        for occupant in occupants { close(occupant) }
        withExtendedLifetime(listener) {}
    }

    @Test func anAgentThatEndsIsNotSilent() async throws {
        let path = folder.appending(path: "ended").path
        do {
            let listener = try SilentUnixListener(path: path)
            withExtendedLifetime(listener) {}
        }
        #expect(try await failure(ofAgentAt: path, within: limit) == .unreachable(path, ECONNREFUSED))
    }

    private struct Unexpected: Error, CustomStringConvertible { let description: String }
}
