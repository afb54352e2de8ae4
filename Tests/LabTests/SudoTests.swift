import Foundation
import Testing

/// An operator who logs in as somebody other than root.
extension RehearsalTests {
    private static let user = "deploy"

    /// With sudo the module is installed, and resumed where it was killed; without the lines in sudoers nothing begins,
    /// and the sentence names them.
    @Test func aUserWithSudoInstallsAndResumes() async throws {
        try await Lab.reset()
        let variant = try Variant(
            replacing: "\"user\": \"root\"", with: "\"user\": \"\(Self.user)\", \"become\": \"sudo\"")
        let account = [
            "id \(Self.user) || useradd --uid 4242 --home-dir /srv/\(Self.user) --create-home --shell /bin/sh \(Self.user)",
            "usermod --password '*' \(Self.user)", "install -d -m 700 -o \(Self.user) /srv/\(Self.user)/.ssh",
            "install -m 600 -o \(Self.user) /root/.ssh/authorized_keys /srv/\(Self.user)/.ssh/authorized_keys",
        ].joined(separator: " && ")
        try await onEachNode(account)
        let refused = try await Lab.runner("run", "11", "--inventory", variant.path)
        #expect(refused.status == 77, "\(refused.error)")
        #expect(refused.error.contains("start the remote shell as root with sudo -n"), "\(refused.error)")
        #expect(refused.error.contains("visudo -f /etc/sudoers.d/zz-runner"), "\(refused.error)")
        #expect(refused.error.contains("`\(Self.user) ALL=(ALL:ALL) NOPASSWD: ALL`"), "\(refused.error)")

        let rule = "\(Self.user) ALL=(ALL:ALL) NOPASSWD: ALL"
        try await onEachNode("echo '\(rule)' >/etc/sudoers.d/zz-runner && chmod 440 /etc/sudoers.d/zz-runner")
        let killed = try Lab.start("run", "11", "--inventory", variant.path)
        try await eventually("the migrations begin") { try Platform.hasBegun("11_ct_04_run_migrations") }
        killed.send(SIGKILL)
        _ = try await killed.wait(atMost: .seconds(30))
        let resumed = try await Lab.runner("resume", "--inventory", variant.path)
        #expect(resumed.status == 0, "\(resumed.error)")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
        let plan = try await Lab.runner("plan", "11", "--detailed-exitcode", "--inventory", variant.path)
        #expect(plan.status == 0, "\(plan.output)\(plan.error)")
        try await onEachNode("userdel --remove \(Self.user); rm -f /etc/sudoers.d/zz-runner")
        try await Lab.reset()
    }

    private func onEachNode(_ script: String) async throws {
        for node in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"] {
            try await Lab.call("shell", node, "sh", "-c", script)
        }
    }
}
