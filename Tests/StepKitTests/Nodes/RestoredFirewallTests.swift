import ClientKit
import StepKit
import Testing

/// What becomes of the failure, on a node where UFW is restored.
@Suite struct RestoredFirewallTests {
    /// The exit status tells a full disk of this machine, another run and a login apart.
    @Test(arguments: [FailureKind.stateNotWritable, .busy, .refused]) func theKindOfAFailureOutlastsTheRestoring(
        _ kind: FailureKind
    ) async throws {
        let node = NodeWriter(
            NodeReader(name: "k8s-worker-01", address: "10.0.0.110", shell: CannedShell(0, "restored\n")))
        let error = await #expect(throws: StepFailure.self) {
            try await node.changeFirewall([], within: .seconds(90), undoneAfter: .seconds(60)) {
                throw StepFailure("record it", cause: "no space left", remedy: "free space", kind: kind)
            }
        }
        #expect(error?.kind == kind)
        #expect(error?.cause == "record it: no space left; UFW was restored")
    }
}
