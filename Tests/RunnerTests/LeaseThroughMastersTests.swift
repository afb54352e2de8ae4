import ClientKit
import DataServers
import Foundation
import SSH
import TestSupport
import Testing

@testable import RunnerCommands
@testable import StepKit

/// Two masters behind a real sshd, whose `kubectl` has one Lease in a file.
@Suite(.timeLimit(.minutes(15))) struct LeaseThroughMastersTests {
    /// Answers with what it is given, as the API server would for an object that nobody else writes.
    private static let kubectl = #"""
        #!/usr/bin/env python3
        import json, sys, time
        words, lease = sys.argv[1:], "LEASE"
        if "get" in words:
            try: print(open(lease).read())
            except FileNotFoundError: pass
            sys.exit()
        given = json.load(sys.stdin)
        if "--dry-run=server" not in words:
            given["metadata"].update(uid="one", resourceVersion=str(time.time_ns()))
            open(lease, "w").write(json.dumps(given))
        given["metadata"]["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(json.dumps(given))
        """#

    /// A step may wait for another host than the master for longer than the term, as for a backup: nothing else of the run
    /// notices that the master is lost.
    @Test func aLostMasterDoesNotEndTheTerm() async throws {
        let folder = try makeTemporaryDirectory()
        defer { do { try FileManager.default.removeItem(at: folder) } catch { print("left behind: \(folder)") } }
        let lease = folder.appending(path: "lease").path
        let program = folder.appending(path: "kubectl")
        try Self.kubectl.replacing("LEASE", with: lease).write(to: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        let sshd = try SSHServer(
            address: "0.0.0.0",
            options: ["ForceCommand PATH=\(folder.path):$PATH; export PATH; eval \"$SSH_ORIGINAL_COMMAND\""])
        defer { sshd.stop() }
        let (site, connections) = try await sshd.siteOfTwoMasters()
        _ = try await site.takeLease(run: "20261124T120000Z-11-3f9a")
        await connections[0].close()
        do {
            try await site.renewLease(step: "11_ct_04_run_migrations", auditHead: "7:abc")
            #expect(try String(contentsOfFile: lease, encoding: .utf8).contains("11_ct_04_run_migrations"))
            try await site.releaseLease(auditHead: "8:def")
            #expect(try String(contentsOfFile: lease, encoding: .utf8).contains("8:def"))
        } catch {
            Issue.record("\(error)")
        }
        await site.close()
    }
}
