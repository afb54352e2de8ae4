import Testing

@testable import StepKit
@testable import Steps

/// What is planned for a node whose UFW is off, by what reaches it now and by the rules that UFW holds.
@Suite struct FirewallSwitchOnTests {
    /// `ss -Htulnp` of a master (Debian 12, iproute2 6.1).
    private static let listening = """
        udp   UNCONN 0      0            0.0.0.0:4789      0.0.0.0:*
        udp   UNCONN 0      0         127.0.0.53%lo:53     0.0.0.0:*    users:(("systemd-resolve",pid=500,fd=13))
        tcp   LISTEN 0      128          0.0.0.0:2222      0.0.0.0:*    users:(("sshd",pid=812,fd=3))
        tcp   LISTEN 0      4096      10.0.0.100:2379      0.0.0.0:*    users:(("etcd",pid=900,fd=8))
        tcp   LISTEN 0      4096       127.0.0.1:2381      0.0.0.0:*    users:(("etcd",pid=900,fd=9))
        tcp   LISTEN 0      511          0.0.0.0:80        0.0.0.0:*    users:(("nginx",pid=1200,fd=7),("nginx",pid=1201,fd=7))
        tcp   LISTEN 0      4096               *:10250           *:*    users:(("kubelet",pid=950,fd=20))
        tcp   LISTEN 0      128             [::]:2222         [::]:*    users:(("sshd",pid=812,fd=4))
        tcp   LISTEN 0      4096           [::1]:9099         [::]:*    users:(("calico-node",pid=1100,fd=9))
        tcp   LISTEN 0      4096  [::ffff:127.0.0.1]:9100     *:*       users:(("java",pid=1101,fd=9))
        """
    private static let defaults = """
        # /etc/default/ufw
        IPV6=yes
        DEFAULT_INPUT_POLICY="DROP"
        DEFAULT_OUTPUT_POLICY="ACCEPT"
        DEFAULT_FORWARD_POLICY="DROP"
        MANAGE_BUILTINS=no
        """

    static func exposure(
        added: String = "(None)", settings: String = defaults, ipv6: String = "",
        session: String = "203.0.113.9 50022 10.0.0.100 2222"
    ) throws -> NodeExposure {
        try #require(
            NodeExposure([session, listening, added, settings, ipv6].joined(separator: "\n\(NodeExposure.mark)\n")))
    }

    private static func commands(_ exposure: NodeExposure) throws -> [FirewallCommands.Command] {
        let off = try #require(FirewallState(ufwStatus: "Status: inactive\n"))
        return FirewallCommands(pods: "10.233.64.0/18", nodes: "10.0.0.96/27", gracePeriod: .seconds(80))
            .commands(for: .allowPodNetwork, in: off, exposure: exposure)
    }

    private static func lines(_ exposure: NodeExposure) throws -> [String] {
        try commands(exposure).map { $0.arguments.joined(separator: " ") }
    }

    @Test func whatReachesTheNodeGoesOnReachingItTheRunsOwnWayFirst() throws {
        #expect(
            try Self.lines(Self.exposure()) == [
                "ufw allow 2222/tcp", "ufw allow from 10.0.0.96/27", "ufw allow 80/tcp", "ufw allow 443/tcp",
                "ufw allow 2379/tcp", "ufw allow 4789/udp", "ufw allow 10250/tcp", "ufw allow from 10.233.64.0/18",
                "ufw route allow from 10.233.64.0/18", "ufw route allow to 10.233.64.0/18", "ufw --force enable",
            ])
    }

    @Test func eachPortIsNamedWithItsProgram() throws {
        #expect(
            try Self.commands(Self.exposure()).map(\.summary) == [
                "allow 2222/tcp from everywhere, as now (sshd, which this run uses)",
                "allow input from the node network 10.0.0.96/27, so that no connection is cut",
                "allow 80/tcp from everywhere, as now (nginx)", "allow 443/tcp from everywhere, as now (pages)",
                "allow 2379/tcp from everywhere, as now (etcd)", "allow 4789/udp from everywhere, as now (the kernel)",
                "allow 10250/tcp from everywhere, as now (kubelet)",
                "allow input from the pod network 10.233.64.0/18",
                "allow forwarded traffic from the pod network 10.233.64.0/18",
                "allow forwarded traffic to the pod network 10.233.64.0/18",
                "enable UFW, with these rules; it drops all other traffic that the node forwards; the node restores the "
                    + "old state unless a new SSH session confirms it within 80 s",
            ])
    }

    @Test func rulesThatWouldComeIntoForceAndStopSomethingAreOvertaken() throws {
        let lines = try Self.lines(
            Self.exposure(
                added: """
                    Added user rules (see 'ufw status' for running firewall):
                    ufw limit 2222/tcp
                    ufw deny from 203.0.113.0/24
                    ufw allow 2379/tcp
                    ufw route deny from 10.233.64.9
                    ufw deny 23/tcp
                    """))
        #expect(
            lines.prefix(3) == [
                "ufw delete limit 2222/tcp", "ufw prepend allow 2222/tcp", "ufw prepend allow from 10.0.0.96/27",
            ])
        #expect(lines.contains("ufw delete allow 2379/tcp"))
        #expect(lines.contains("ufw prepend allow 2379/tcp"))
        #expect(lines.contains("ufw route prepend allow from 10.233.64.0/18"))
        #expect(lines.contains("ufw route allow to 10.233.64.0/18") == false)
        #expect(lines.last == "ufw --force enable")
    }

    @Test(arguments: [
        "ufw deny from 2001:db8::/32", "ufw deny Samba", "ufw reject in on eth1 to any port 10250 proto tcp",
        "ufw deny to any proto tcp",
    ])
    func inDoubtARuleStopsWhatIsOpen(_ rule: String) throws {
        #expect(try Self.lines(Self.exposure(added: rule)).contains("ufw prepend allow 10250/tcp"))
    }

    @Test(arguments: [
        "ufw allow 10250/tcp", "ufw deny 23/tcp", "ufw deny 10250/udp", "ufw deny out 25/tcp",
        "ufw route deny 10250/tcp",
    ])
    func aRuleForSomethingElseIsLeftWhereItIs(_ rule: String) throws {
        #expect(try Self.lines(Self.exposure(added: rule)).contains("ufw allow 10250/tcp"))
    }

    @Test func whatTheNodeSendsGoesOnToo() throws {
        let all = "ufw allow out from any to any"
        #expect(try !Self.lines(Self.exposure()).contains(all))
        let closed = Self.defaults.replacing("OUTPUT_POLICY=\"ACCEPT\"", with: "OUTPUT_POLICY=\"DROP\"")
        #expect(try Self.lines(Self.exposure(settings: closed)).contains(all))
        #expect(
            try Self.lines(Self.exposure(added: "ufw deny out 25/tcp")).contains(
                "ufw prepend allow out from any to any"))
    }

    @Test func aSessionPortThatNobodyListensOnIsOpenedToo() throws {
        #expect(try Self.lines(Self.exposure(session: "203.0.113.9 50022 10.0.0.100 22")).first == "ufw allow 22/tcp")
        #expect(try Self.lines(Self.exposure(session: "")).first == "ufw allow from 10.0.0.96/27")
    }

    @Test func whatNoRulePreventsIsRefused() throws {
        let flushing = Self.defaults.replacing("MANAGE_BUILTINS=no", with: "MANAGE_BUILTINS=yes")
        #expect(try Self.exposure(settings: flushing).danger?.cause.contains("kube-proxy") == true)
        let only4 = Self.defaults.replacing("IPV6=yes", with: "IPV6=no")
        #expect(try Self.exposure(settings: only4).danger == nil)
        let address = "2: eth0    inet6 2001:db8::5/64 scope global"
        #expect(try Self.exposure(settings: only4, ipv6: address).danger?.remedy.contains("IPV6=yes") == true)
        #expect(try Self.exposure(ipv6: address).danger == nil)
    }

    @Test(arguments: ["", "nonsense", "a\n\(NodeExposure.mark)\nb"]) func otherOutputIsNoExposure(_ text: String) {
        #expect(NodeExposure(text) == nil)
    }

    @Test func beforeAnUnconfirmedChangeTheOldStateCounts() throws {
        let state = try #require(FirewallState(ufwStatus: "Unconfirmed: 2026-11-25T23:00:00Z\nStatus: inactive\n"))
        #expect(!state.isActive)
        #expect(state.unconfirmedSince == "2026-11-25T23:00:00Z")
    }
}
