import ClientKit
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct ProcessIdentityTests {
    @Test func isReadAsItIsWritten() throws {
        let own = try #require(ProcessIdentity.current())
        #expect(own.pid == getpid())
        #expect(ProcessIdentity(own.description) == own)
        #expect(!own.isGone)
        for text in ["", "a b c", "a b c d", "a b c 0", "a b c -1", "a b  1", "a b c 1 ", "a b c 1 e f"] {
            #expect(ProcessIdentity(text) == nil, "\(text)")
        }
    }

    @Test func onlyAProcessOfThisMachineBootAndNamespaceIsKnownToBeGone() throws {
        let process = try ChildProcess("true")
        process.waitHere()
        let own = try #require(ProcessIdentity.current())
        func isGone(machine: String? = nil, boot: String? = nil, namespace: String? = nil) -> Bool {
            ProcessIdentity(
                machine: machine ?? own.machine, boot: boot ?? own.boot,
                namespace: namespace ?? own.namespace, pid: process.pid
            ).isGone
        }
        #expect(isGone())
        #expect(!isGone(machine: "other"))
        #expect(!isGone(boot: "other"))
        #expect(!isGone(namespace: "other"))
    }
}
