import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@Suite(.serialized, .limitedParallelism) struct LargeTransferTests {
    /// In a process of its own: the peak is the process's, and other tests run beside this one.
    @Test func sixtyFourMebibytesPassBothWaysInBoundedMemory() async {
        await #expect(processExitsWith: .success) {
            let server = try await TestServer()
            let observer = RecordingObserver(keepsOutput: false)
            let connection = try await server.connect(observer: observer)
            let size = 64 << 20
            let input = [UInt8](repeating: 0x5a, count: size)
            let before = try peakMemory()
            let result = try await connection.run(
                RemoteCommand(["cat"], standardInput: input, effect: .read, timeout: .seconds(120), outputLimit: 1000))
            let growth = try peakMemory() - before
            #expect(result.exitStatus == 0)
            #expect(result.standardOutput.count == 1000)
            #expect(result.isTruncated)
            #expect(observer.received == size)
            #expect(growth < 60, "\(growth) MiB")
            #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
            server.process.end()
        }
    }

    @Test func bothOutputsMayFlood() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let script =
            "head -c 9000000 /dev/zero >&2; head -c 9000000 /dev/zero; head -c 9000000 /dev/zero >&2; cat | wc -c"
        let result = try await connection.run(
            RemoteCommand(
                ["sh", "-c", script], standardInput: [UInt8](repeating: 1, count: 9_000_000), effect: .read,
                outputLimit: 32 << 20))
        #expect(result.standardError.count == 18_000_000)
        #expect(result.standardOutput.count == 9_000_000 + "9000000\n".utf8.count)
        #expect(!result.isTruncated)
    }

    @Test func keysMayBeExchangedAnewInBetween() async throws {
        let server = try await TestServer(["RekeyLimit 256K"])
        let connection = try await server.connect()
        let input = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let result = try await connection.run(
            RemoteCommand(["cat"], standardInput: input, effect: .read, outputLimit: 16 << 20))
        #expect(result.standardOutput == input)
    }
}

/// The most memory that this process ever had, in MiB.
private func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM") })
    return try #require(Int(line.split(separator: " ").dropFirst().first ?? "")) >> 10
}
