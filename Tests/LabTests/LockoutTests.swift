import Foundation
import Testing

/// Whatever reaches a node goes on reaching it when UFW is switched on, and whoever is cut off gets back in.
extension RehearsalTests {
    private static let nodes = ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"]
    private static let kept = "/etc/ufw/keybuzz-runner-unconfirmed"

    /// UFW off on every node, and an inventory whose node network the operator is outside of.
    private static func switchedOff() async throws -> String {
        try await Lab.reset()
        for node in nodes { try await Lab.call("shell", node, "ufw", "--force", "disable") }
        return try Variant(["\"disabled\"": "\"allow-pod-network\"", "10.0.0.0/16": "10.0.0.96/27"]).path
    }

    private static func file(_ path: String, of host: String) throws -> String {
        let pid = try String(contentsOfFile: "\(Lab.home)/run/\(host).pid", encoding: .utf8).prefix { $0 != " " }
        return "/proc/\(pid)/root\(path)"
    }

    /// What UFW of a node would be after a restart, and is.
    private static func firewall(_ node: String) async throws -> String {
        try await Lab.call(
            "shell", node, "sh", "-c",
            "cat /etc/default/ufw /etc/ufw/ufw.conf /etc/ufw/user.rules /etc/ufw/user6.rules | sha256sum; ufw status")
    }

    /// Whether the operator's host gets a new connection.
    private static func isOpen(_ node: String, _ port: Int) async throws -> Bool {
        let address = try #require(zip(nodes, Lab.nodes).first { $0.0 == node }).1
        let script = "exec timeout 3 bash -c ': </dev/tcp/\(address)/\(port)'"
        return try await Command([Lab.command, "run", "bash", "-c", script]).run().status == 0
    }

    @Test func switchingTheFirewallOnLocksNobodyOut() async throws {
        let inventory = try await Self.switchedOff()
        // What UFW holds while it is off comes into force with it.
        for rule in ["limit 22/tcp", "deny from 10.0.0.20", "deny out 2379/tcp", "route deny from 10.0.0.0/16"] {
            try await Lab.call(["shell", "k8s-master-03", "ufw"] + rule.split(separator: " ").map(String.init))
        }
        let plan = try await Lab.runner("plan", "11", "--inventory", inventory)
        #expect(plan.output.contains("k8s-master-01: allow 22/tcp from everywhere, as now (sshd, which this run"))
        #expect(plan.output.contains("k8s-master-01: allow 6443/tcp from everywhere, as now (kube-apiserver)"))
        #expect(plan.output.contains("k8s-worker-01: allow 10250/tcp from everywhere, as now (kubelet)"))
        #expect(
            plan.output.contains("k8s-master-03: insert before LIMIT IN from Anywhere to 22/tcp, DENY IN from"))
        #expect(!plan.output.split(separator: "\n").contains { $0.contains("k8s-") && $0.contains("[proved]") })

        let run = try await Lab.runner("run", "11", "--inventory", inventory)
        #expect(run.status == 0, "\(run.error)")
        #expect(run.error.contains("changing UFW of k8s-master-02 before the others"), "\(run.error)")
        for node in Self.nodes {
            try await requireOpen(node)
            #expect(!FileManager.default.fileExists(atPath: try Self.file(Self.kept, of: node)))
            // As a restart of the node does it.
            try await Lab.call(
                "shell", node, "sh", "-c", "/lib/ufw/ufw-init force-stop && /lib/ufw/ufw-init start quiet")
            #expect(try await Lab.call("shell", node, "ufw", "status").hasPrefix("Status: active"))
            try await requireOpen(node)
        }
        let again = try await Lab.runner("run", "11", "--inventory", inventory)
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")
    }

    private func requireOpen(_ node: String) async throws {
        for port in [22, 80] + (node == "k8s-worker-01" ? [10250] : [6443]) {
            #expect(try await Self.isOpen(node, port), "\(node):\(port)")
        }
    }

    /// Starts a run, and stops it when the first node has switched UFW on and nobody has confirmed that.
    private func stoppedBeforeItConfirms(_ inventory: String) async throws -> (run: Command.Running, node: String) {
        let run = try Lab.start("run", "11", "--new", "--inventory", inventory)
        var node = ""
        try await eventually("a node keeps what UFW was") {
            node =
                try Self.nodes.first { FileManager.default.fileExists(atPath: try Self.file(Self.kept, of: $0)) } ?? ""
            return node != ""
        }
        run.send(SIGSTOP)
        try await eventually("UFW of \(node) is on") {
            FileManager.default.fileExists(atPath: try Self.file("\(Self.kept)/changed", of: node))
        }
        #expect(try await Lab.call("shell", node, "ufw", "status").hasPrefix("Status: active"))
        #expect(try await Lab.call("shell", node, "grep", "^ENABLED", "/etc/ufw/ufw.conf") == "ENABLED=no\n")
        return (run, node)
    }

    private func putBack(_ node: String, _ before: String) async throws {
        try await eventually("\(node) puts UFW back as it was", within: .seconds(120)) {
            !FileManager.default.fileExists(atPath: try Self.file(Self.kept, of: node))
        }
        #expect(try await Self.firewall(node) == before)
        #expect(try await Self.isOpen(node, 22))
    }

    @Test func aRunThatIsKilledBeforeItConfirmsLeavesTheFirewallAsItWas() async throws {
        let inventory = try await Self.switchedOff()
        var before: [String: String] = [:]
        for node in Self.nodes { before[node] = try await Self.firewall(node) }
        let (run, node) = try await stoppedBeforeItConfirms(inventory)
        run.send(SIGKILL)
        _ = try await run.wait()
        let plan = try await Lab.runner("plan", "11", "--inventory", inventory)
        #expect(plan.output.contains("\(node): restore UFW to its state before the change of 20"), "\(plan.output)")
        #expect(plan.output.contains("\(node): allow 22/tcp from everywhere"), "\(plan.output)")
        #expect(try await Lab.runner("doctor", "11", "--inventory", inventory).output.contains("was not confirmed"))
        try await putBack(node, try #require(before[node]))
        for other in Self.nodes where other != node { #expect(try await Self.firewall(other) == before[other]) }

        // The next run settles what it finds, and does it again.
        let (second, again) = try await stoppedBeforeItConfirms(inventory)
        second.send(SIGKILL)
        _ = try await second.wait()
        let resumed = try await Lab.runner("run", "11", "--new", "--inventory", inventory)
        #expect(resumed.status == 0, "\(resumed.error)")
        #expect(resumed.error.contains("\(again): restore UFW to its state before the change"), "\(resumed.error)")
        for node in Self.nodes { try await requireOpen(node) }
    }

    @Test func aSessionThatIsLostBeforeItConfirmsLeavesTheFirewallAsItWas() async throws {
        let inventory = try await Self.switchedOff()
        var before: [String: String] = [:]
        for node in Self.nodes { before[node] = try await Self.firewall(node) }
        let (run, node) = try await stoppedBeforeItConfirms(inventory)
        try await Lab.call("cut", "install-01")
        run.send(SIGCONT)
        let ended = try await run.wait()
        #expect(ended.status == 1 || ended.status == 69, "\(ended.error)")
        try await Lab.call("heal", "install-01")
        try await putBack(node, try #require(before[node]))
    }

    /// Rules that UFW does not list cut new connections off, and leave the run's own session alone.
    @Test func aNodeThatCannotBeReachedAnewIsPutBackAtOnceAndTheOthersAreNotTouched() async throws {
        let inventory = try await Self.switchedOff()
        let cut = "-A ufw-before-input -s 10.0.0.20 -p tcp --dport 22 -m conntrack --ctstate NEW -j DROP"
        for node in Self.nodes {
            try await Lab.call("shell", node, "sed", "-i", "/^# End required lines/a \(cut)", "/etc/ufw/before.rules")
        }
        var before: [String: String] = [:]
        for node in Self.nodes { before[node] = try await Self.firewall(node) }
        let run = try await Lab.runner("run", "11", "--inventory", inventory)
        #expect(run.status == 1, "\(run.error)")
        #expect(run.error.contains("k8s-master-02"), "\(run.error)")
        #expect(run.error.contains("UFW was restored"), "\(run.error)")
        for node in Self.nodes {
            #expect(try await Self.firewall(node) == before[node])
            #expect(!FileManager.default.fileExists(atPath: try Self.file(Self.kept, of: node)))
            #expect(try await Self.isOpen(node, 22))
        }
    }
}
