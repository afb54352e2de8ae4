import ClientKit
import StepKit
import Testing

/// As an inventory may set them.
let firewallLimits = FirewallLimits(lock: .seconds(60), command: .seconds(30))

/// What becomes of the failure, on a node where UFW is restored.
@Suite struct RestoredFirewallTests {
    /// The exit status tells a full disk of this machine, another run and a login apart.
    @Test(arguments: [FailureKind.stateNotWritable, .busy, .refused]) func theKindOfAFailureOutlastsTheRestoring(
        _ kind: FailureKind
    ) async throws {
        let node = NodeWriter(
            NodeReader(name: "k8s-worker-01", address: "10.0.0.110", shell: CannedShell(0, "restored\n")))
        let error = await #expect(throws: StepFailure.self) {
            try await node.changeFirewall([], within: firewallLimits, undoneAfter: .seconds(60)) {
                throw StepFailure("record it", cause: "no space left", remedy: "free space", kind: kind)
            }
        }
        #expect(error?.kind == kind)
        #expect(error?.cause == "record it: no space left; UFW was restored")
    }

    /// Nothing was begun, so that there is nothing to restore, and no timer that would.
    @Test func aChangeThatAnotherKeepsFromBeginningIsNotUndone() async throws {
        let node = NodeWriter(
            NodeReader(name: "k8s-worker-01", address: "10.0.0.110", shell: CannedShell(76, "")))
        let error = await #expect(throws: StepFailure.self) {
            try await node.changeFirewall([], within: firewallLimits, undoneAfter: .seconds(60)) {}
        }
        #expect(error?.kind == .busy)
        #expect(error?.cause == "another change of UFW is still running there after 60 s")
    }

    /// The waits on the node are those of the inventory, and each tells its own.
    @Test(arguments: [
        (Int32(76), "another change of UFW is still running there after 60 s (limits.lock)", FailureKind.busy),
        (124, "a command of UFW did not finish within 30 s (limits.command)", .failed),
        (137, "a command of UFW did not finish within 30 s (limits.command), or was killed", .failed),
    ]) func aWaitOnTheNodeThatIsOverNamesItsLimit(_ status: Int32, _ cause: String, _ kind: FailureKind) async throws {
        let shell = CannedShell(status, "")
        let node = NodeWriter(NodeReader(name: "k8s-worker-01", address: "10.0.0.110", shell: shell))
        let limits = FirewallLimits(
            lock: TimeLimit(.seconds(60), key: "limits.lock"), command: TimeLimit(.seconds(30), key: "limits.command"))
        let error = await #expect(throws: StepFailure.self) { try await node.settleFirewall(within: limits) }
        #expect(error?.cause == cause)
        #expect(error?.kind == kind)
    }
}
