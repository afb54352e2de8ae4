import Testing

@testable import StepKit

/// Outputs of `LC_ALL=C ufw status verbose`, UFW 0.36.2 on Debian 12.
@Suite struct FirewallStateTests {
    /// As module 2 leaves a node.
    static let module2 = """
        Status: active
        Logging: on (low)
        Default: deny (incoming), allow (outgoing), deny (routed)
        New profiles: skip

        To                         Action      From
        --                         ------      ----
        Anywhere                   ALLOW IN    10.0.0.0/16              \u{20}
        6443/tcp                   ALLOW IN    Anywhere                 \u{20}
        2379:2380/tcp              ALLOW IN    Anywhere                 \u{20}
        10250/tcp                  ALLOW IN    Anywhere                 \u{20}
        10257/tcp                  ALLOW IN    Anywhere                 \u{20}
        10259/tcp                  ALLOW IN    Anywhere                 \u{20}
        30000:32767/tcp            ALLOW IN    Anywhere                 \u{20}
        6443/tcp (v6)              ALLOW IN    Anywhere (v6)            \u{20}
        2379:2380/tcp (v6)         ALLOW IN    Anywhere (v6)            \u{20}
        10250/tcp (v6)             ALLOW IN    Anywhere (v6)            \u{20}
        10257/tcp (v6)             ALLOW IN    Anywhere (v6)            \u{20}
        10259/tcp (v6)             ALLOW IN    Anywhere (v6)            \u{20}
        30000:32767/tcp (v6)       ALLOW IN    Anywhere (v6)            \u{20}

        """

    /// Comments, application profiles, logging, limits, denials, outgoing and routed rules.
    static let rich = """
        Status: active
        Logging: on (low)
        Default: deny (incoming), allow (outgoing), allow (routed)
        New profiles: skip

        To                         Action      From
        --                         ------      ----
        Anywhere                   ALLOW IN    10.233.64.0/18             # pod network
        22/tcp (OpenSSH)           ALLOW IN    Anywhere                 \u{20}
        10.0.0.110 22/tcp on lo    ALLOW IN    10.0.0.20                \u{20}
        Anywhere                   ALLOW IN    10.1.0.0/16                (log)
        22/tcp                     LIMIT IN    Anywhere                 \u{20}
        Anywhere                   DENY IN     192.0.2.7                \u{20}
        22/tcp (OpenSSH (v6))      ALLOW IN    Anywhere (v6)            \u{20}
        22/tcp (v6)                LIMIT IN    Anywhere (v6)            \u{20}

        25/tcp                     DENY OUT    Anywhere                 \u{20}
        25/tcp (v6)                DENY OUT    Anywhere (v6)            \u{20}

        Anywhere                   ALLOW FWD   10.233.64.0/18           \u{20}
        10.233.64.0/18             ALLOW FWD   Anywhere                   # to pods
        10.233.64.0/18 3000/tcp on lo ALLOW FWD   10.233.64.0/18 on lo     \u{20}

        """

    @Test func readsANodeAsModule2LeavesIt() throws {
        let state = try #require(FirewallState(ufwStatus: Self.module2))
        #expect(state.isActive)
        #expect(state.incomingDefault == "deny")
        #expect(state.routedDefault == "deny")
        #expect(
            state.rules == [
                .init(to: "Anywhere", action: "ALLOW IN", from: "10.0.0.0/16"),
                .init(to: "6443/tcp", action: "ALLOW IN", from: "Anywhere"),
                .init(to: "2379:2380/tcp", action: "ALLOW IN", from: "Anywhere"),
                .init(to: "10250/tcp", action: "ALLOW IN", from: "Anywhere"),
                .init(to: "10257/tcp", action: "ALLOW IN", from: "Anywhere"),
                .init(to: "10259/tcp", action: "ALLOW IN", from: "Anywhere"),
                .init(to: "30000:32767/tcp", action: "ALLOW IN", from: "Anywhere"),
            ])
    }

    @Test func readsAnInactiveOne() throws {
        let state = try #require(FirewallState(ufwStatus: "Status: inactive\n"))
        #expect(!state.isActive)
        #expect(state.rules.isEmpty)
    }

    @Test func theFirstRuleThatIsAboutAllOfItDecides() throws {
        let state = try #require(FirewallState(ufwStatus: Self.rich))
        #expect(state.routedDefault == "allow")
        #expect(state.fate(of: .input(fromPods: "10.233.64.0/18")) == .allowed)
        #expect(state.fate(of: .input(from: "10.233.80.0/20")) == .allowed)
        #expect(state.fate(of: .input(from: "10.233.0.0/16")) == .undecided)
        #expect(state.fate(of: .input(from: "10.1.0.0/16")) == .allowed)
        #expect(
            state.fate(of: .input(from: "192.0.2.7"))
                == .stopped(by: .init(to: "Anywhere", action: "DENY IN", from: "192.0.2.7")))
        #expect(state.fate(of: .output) == .undecided)
        #expect(state.fate(of: .routed(toPods: "10.233.64.0/18")) == .allowed)
        #expect(state.fate(of: .input(to: .init(22, over: "tcp"))) == .allowed)
        #expect(state.fate(of: .input(to: .init(22, over: "udp"))) == .undecided)
    }

    @Test func rulesForIPv6AreNone() throws {
        let state = try #require(FirewallState(ufwStatus: Self.rich))
        #expect(!state.rules.contains { $0.to.contains("v6") || $0.from.contains("v6") })
    }

    @Test(arguments: [
        ("deny (incoming), allow (outgoing), disabled (routed)", "disabled"),
        ("allow (incoming), allow (outgoing), reject (routed)", "reject"),
    ]) func readsTheDefaultOfRoutedTraffic(_ defaults: String, _ routed: String) throws {
        let state = try #require(FirewallState(ufwStatus: "Status: active\nDefault: \(defaults)\n"))
        #expect(state.routedDefault == routed)
        #expect(state.incomingDefault == String(defaults.prefix { $0 != " " }))
    }

    @Test(arguments: [
        "", "ERROR: You need to be root to run this script\n", "Status: \n", "État : actif\n", "Status: unknown",
    ])
    func otherOutputIsNoState(_ text: String) {
        #expect(FirewallState(ufwStatus: text) == nil)
    }
}
