import DataServers
import Foundation
import Testing

@Suite struct ServerDescriptorsTests {
    /// A test that reads a program's output to its end would wait for the end of the server, too.
    @Test func aServerOfATestHasNoDescriptorOfTheTestProcess() throws {
        let pipe = Pipe()
        for end in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
            try DataServers.runTool(["sh", "-c", "test ! -e /proc/$$/fd/\(end.fileDescriptor)"])
        }
        withExtendedLifetime(pipe) {}
    }
}
