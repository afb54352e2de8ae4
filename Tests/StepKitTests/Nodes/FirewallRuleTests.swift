import Testing

@testable import StepKit

/// Every form of rule, as UFW 0.36.2 lists it active (`ufw status verbose`) and inactive (`ufw show added`).
@Suite struct FirewallRuleTests {
    struct Form: Sendable {
        let listed: String
        let added: String
        let rule: FirewallState.Rule

        init(_ listed: String, _ added: String, _ to: String, _ action: String, _ from: String) {
            (self.listed, self.added) = (listed, added)
            rule = FirewallState.Rule(to: to, action: action, from: from)
        }
    }

    static let forms = [
        Form(
            "Anywhere                   ALLOW IN    10.0.0.0/16               ", "ufw allow from 10.0.0.0/16",
            "Anywhere", "ALLOW IN", "10.0.0.0/16"),
        Form(
            "2379:2380/tcp              ALLOW IN    Anywhere                  ", "ufw allow 2379:2380/tcp",
            "2379:2380/tcp", "ALLOW IN", "Anywhere"),
        Form(
            "80,443/tcp                 ALLOW IN    Anywhere                  ", "ufw allow 80,443/tcp", "80,443/tcp",
            "ALLOW IN", "Anywhere"),
        Form(
            "22/tcp                     LIMIT IN    Anywhere                  ", "ufw limit 22/tcp", "22/tcp",
            "LIMIT IN", "Anywhere"),
        Form(
            "Anywhere                   DENY IN     192.0.2.7                 ", "ufw deny from 192.0.2.7", "Anywhere",
            "DENY IN", "192.0.2.7"),
        Form(
            "25/tcp on eth1             REJECT IN   Anywhere                  ",
            "ufw reject in on eth1 to any port 25 proto tcp", "25/tcp on eth1", "REJECT IN", "Anywhere"),
        Form(
            "Anywhere on cali+          ALLOW IN    Anywhere                  ", "ufw allow in on cali+",
            "Anywhere on cali+", "ALLOW IN", "Anywhere"),
        Form(
            "10250/tcp on cali+         ALLOW IN    10.233.64.0/18            ",
            "ufw allow in on cali+ from 10.233.64.0/18 to any port 10250 proto tcp", "10250/tcp on cali+", "ALLOW IN",
            "10.233.64.0/18"),
        Form(
            "Anywhere                   ALLOW IN    10.1.0.0/16                (log)", "ufw allow log from 10.1.0.0/16",
            "Anywhere", "ALLOW IN", "10.1.0.0/16"),
        Form(
            "Anywhere                   ALLOW IN    10.1.0.0/16/tcp           ", "ufw allow from 10.1.0.0/16 proto tcp",
            "Anywhere", "ALLOW IN", "10.1.0.0/16/tcp"),
        Form(
            "Anywhere/udp               ALLOW IN    Anywhere/udp              ", "ufw allow to any proto udp",
            "Anywhere/udp", "ALLOW IN", "Anywhere/udp"),
        Form(
            "9100/tcp                   ALLOW IN    Anywhere                   # node exporter of Alice",
            "ufw allow 9100/tcp comment 'node exporter of Alice'", "9100/tcp", "ALLOW IN", "Anywhere"),
        Form(
            "25/tcp                     DENY OUT    Anywhere                  ", "ufw deny out 25/tcp", "25/tcp",
            "DENY OUT", "Anywhere"),
        Form(
            "Anywhere                   DENY OUT    Anywhere on eth1          ", "ufw deny out on eth1", "Anywhere",
            "DENY OUT", "Anywhere on eth1"),
        Form(
            "Anywhere                   ALLOW FWD   Anywhere on cali+         ", "ufw route allow in on cali+",
            "Anywhere", "ALLOW FWD", "Anywhere on cali+"),
        Form(
            "Anywhere on cali+          ALLOW FWD   Anywhere                  ", "ufw route allow out on cali+",
            "Anywhere on cali+", "ALLOW FWD", "Anywhere"),
        Form(
            "10.0.0.0/16 5432/tcp on eth0 ALLOW FWD   Anywhere on cali+         ",
            "ufw route allow in on cali+ out on eth0 to 10.0.0.0/16 port 5432 proto tcp",
            "10.0.0.0/16 5432/tcp on eth0", "ALLOW FWD", "Anywhere on cali+"),
        Form(
            "10.233.64.0/18 on eth1     DENY FWD    Anywhere                  ",
            "ufw route deny out on eth1 to 10.233.64.0/18", "10.233.64.0/18 on eth1", "DENY FWD", "Anywhere"),
        Form(
            "10.233.64.0/18             ALLOW FWD   Anywhere                   # to pods",
            "ufw route allow to 10.233.64.0/18 comment 'to pods'", "10.233.64.0/18", "ALLOW FWD", "Anywhere"),
        Form(
            "Anywhere                   REJECT FWD  203.0.113.0/24            ", "ufw route reject from 203.0.113.0/24",
            "Anywhere", "REJECT FWD", "203.0.113.0/24"),
        Form(
            "22/tcp                     LIMIT FWD   Anywhere                  ", "ufw route limit 22/tcp", "22/tcp",
            "LIMIT FWD", "Anywhere"),
        Form(
            "10.233.64.0/18 3000/tcp    ALLOW FWD   Anywhere                   (log-all)",
            "ufw route allow log-all to 10.233.64.0/18 port 3000 proto tcp", "10.233.64.0/18 3000/tcp", "ALLOW FWD",
            "Anywhere"),
    ]

    @Test(arguments: forms) func isTheSameListedNumberedAndAdded(_ form: Form) {
        #expect(FirewallState.Rule(ufwLine: form.listed) == form.rule)
        #expect(FirewallState.Rule(ufwLine: "[ 7] \(form.listed)") == form.rule)
        #expect(FirewallState.Rule(ufwCommand: form.added) == form.rule)
    }

    /// The names of applications hide their ports while UFW is off.
    @Test func applicationsAreListedWithTheirPorts() throws {
        let listed = try #require(
            FirewallState.Rule(ufwLine: "22/tcp (OpenSSH)           ALLOW IN    Anywhere                  "))
        #expect(listed.destination.has(22) == true)
        #expect(listed.destination.has(23) == false)
        for added in ["ufw allow OpenSSH", "ufw allow from 10.0.0.0/16 to any app OpenSSH"] {
            let rule = try #require(FirewallState.Rule(ufwCommand: added))
            #expect(rule.destination.has(22) == nil)
        }
    }

    @Test(arguments: [
        "22/tcp (OpenSSH (v6))      ALLOW IN    Anywhere (v6)             ",
        "25/tcp (v6) on eth1        REJECT IN   Anywhere (v6)             ",
        "Anywhere/udp (v6)          ALLOW IN    Anywhere/udp (v6)         ",
        "Anywhere (v6)              ALLOW FWD   Anywhere (v6) on cali+    ",
        "22/tcp                     ALLOW IN    2001:db8::/32             ",
    ]) func rulesForIPv6AreKnownAsSuch(_ line: String) throws {
        #expect(try #require(FirewallState.Rule(ufwLine: line)).isIPv6)
    }

    @Test(arguments: [
        "To                         Action      From", "--                         ------      ----", "Status: active",
        "Added user rules (see 'ufw status' for running firewall):", "(None)", "",
    ]) func otherLinesAreNone(_ line: String) {
        #expect(FirewallState.Rule(ufwLine: line) == nil)
        #expect(FirewallState.Rule(ufwCommand: line) == nil)
    }

    @Test(arguments: [
        ("22", 22, true), ("2379:2380", 2380, true), ("2379:2380", 2381, false), ("80,443", 443, true),
        ("80,8000:8010", 8005, true), ("80,443", 81, false),
    ])
    func portsAreNumbersListsAndRanges(_ ports: String, _ port: Int, _ isAmong: Bool) {
        #expect(FirewallState.Side("\(ports)/tcp").has(port) == isAmong)
    }

    struct Verdict: Sendable {
        let about: String
        var routed = "deny"
        var links: [String] = ["10.233.64.1 cali1a2b3c", "10.233.64.7 cali4d5e6f", "10.0.0.0/16 eth0"]
        let rules: [String]
        let drops: Bool
    }

    private static let fromCali = "Anywhere                   ALLOW FWD   Anywhere on cali+         "
    private static let toCali = "Anywhere on cali+          ALLOW FWD   Anywhere                  "

    static let verdicts = [
        Verdict(about: "both ways by Calico's interfaces", rules: [fromCali, toCali], drops: false),
        Verdict(about: "one way only", rules: [fromCali], drops: true),
        Verdict(
            about: "by interface there, by network back",
            rules: [fromCali, "10.233.64.0/18             ALLOW FWD   Anywhere                  "], drops: false),
        Verdict(
            about: "by interfaces that the node's pods do not use", links: ["10.233.64.0/24 cni0"],
            rules: [fromCali, toCali], drops: true),
        Verdict(
            about: "by the bridge of the pods", links: ["10.233.64.0/24 cni0"],
            rules: [
                "Anywhere                   ALLOW FWD   Anywhere on cni0          ",
                "Anywhere on cni0           ALLOW FWD   Anywhere                  ",
            ], drops: false),
        Verdict(
            about: "by one pod's interface",
            rules: ["Anywhere                   ALLOW FWD   Anywhere on cali1a2b3c    ", toCali], drops: true),
        Verdict(about: "a node that has no pod yet", links: [], rules: [fromCali, toCali], drops: false),
        Verdict(
            about: "only out of one interface",
            rules: ["Anywhere on eth0           ALLOW FWD   Anywhere on cali+         ", toCali], drops: true),
        Verdict(
            about: "an interface that pods do not use is denied", routed: "allow",
            rules: ["Anywhere                   DENY FWD    Anywhere on eth1          "], drops: false),
        Verdict(
            about: "the pods' interfaces are denied", routed: "allow",
            rules: ["Anywhere                   DENY FWD    Anywhere on cali+         "], drops: true),
        Verdict(
            about: "allowed before they are denied",
            rules: [fromCali, toCali, "Anywhere                   DENY FWD    Anywhere                  "], drops: false
        ),
        Verdict(
            about: "denied before they are allowed",
            rules: ["Anywhere                   REJECT FWD  Anywhere on cali+         ", fromCali, toCali], drops: true),
        Verdict(
            about: "one port",
            rules: ["10.233.64.0/18 3000/tcp on cali+ ALLOW FWD   Anywhere                  ", fromCali], drops: true),
        Verdict(
            about: "TCP only", rules: ["10.233.64.0/18/tcp         ALLOW FWD   Anywhere                  ", fromCali],
            drops: true),
        Verdict(
            about: "limited", rules: ["Anywhere on cali+          LIMIT FWD   Anywhere                  ", fromCali],
            drops: true),
        Verdict(
            about: "IPv6 only", rules: ["Anywhere (v6) on cali+     ALLOW FWD   Anywhere (v6)             ", fromCali],
            drops: true),
    ]

    @Test(arguments: verdicts) func judgesPodTrafficByAddressesAndInterfaces(_ verdict: Verdict) throws {
        let text = """
            Status: active
            Default: deny (incoming), allow (outgoing), \(verdict.routed) (routed)

            \(verdict.rules.joined(separator: "\n"))
            \(verdict.links.map { "Link: \($0)" }.joined(separator: "\n"))
            """
        let state = try #require(FirewallState(ufwStatus: text))
        #expect(state.dropsRoutedTraffic(of: "10.233.64.0/18") == verdict.drops, "\(verdict.about)")
    }

    @Test func inputByThePodsInterfacesIsInputFromPods() throws {
        let text = "Status: active\nAnywhere on cali+          ALLOW IN    Anywhere                  \n"
        let state = try #require(FirewallState(ufwStatus: text))
        #expect(state.fate(of: .input(fromPods: "10.233.64.0/18")) == .allowed)
        #expect(state.fate(of: .input(from: "10.0.0.0/16")) == .undecided)
    }
}
