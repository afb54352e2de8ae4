import ClientKit
import Foundation
import SSH
import Testing

@Suite struct CommandTests {
    @Test func runsACommandAndReturnsWhatItPrinted() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let result = try await connection.run(RemoteCommand(["echo", "hello"], effect: .read))
        #expect(result.outputText == "hello\n")
        #expect(result.exitStatus == 0)
        await connection.close()
    }

    @Test(arguments: [0, 1, 2, 125, 126, 127, 201, 255])
    func exitStatusIsTheCommandsOwn(_ status: Int32) async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        for input in ["", "some input"] {
            for effect in [Effect.read, .change] {
                let result = try await connection.run(
                    RemoteCommand(["sh", "-c", "exit \(status)"], standardInput: Array(input.utf8), effect: effect))
                #expect(result.exitStatus == status)
            }
        }
    }
}
