import COpenSSL
import Foundation
import Testing

@testable import SSH

@Suite struct ExitTests {
    /// A thread that still ends a session while the process exits would crash it.
    @Test func exitLeavesWhatSessionsUse() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let session = Session(transport: Transport(socket: -1))
            guard session != nil else { exit(2) }
            // OpenSSL calls these, and only these, before it takes its state down.
            OPENSSL_atexit { _exit(3) }
            exit(0)
        }
    }
}
