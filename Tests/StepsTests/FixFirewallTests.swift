import StepKit
import Testing

@testable import Steps

@Suite struct FixFirewallTests {
    private static let pods = "10.233.64.0/18"
    private static let input = ["ufw", "allow", "from", pods]
    private static let routedFrom = ["ufw", "route", "allow", "from", pods]
    private static let routedTo = ["ufw", "route", "allow", "to", pods]
    private static let disable = ["ufw", "--force", "disable"]
    private static let enable = ["ufw", "--force", "enable"]

    private static func state(routed: String = "deny", _ rules: String...) throws -> FirewallState {
        let text = """
            Status: active
            Default: deny (incoming), allow (outgoing), \(routed) (routed)

            To                         Action      From
            --                         ------      ----
            Anywhere                   ALLOW IN    10.0.0.0/16
            6443/tcp                   ALLOW IN    Anywhere
            \(rules.joined(separator: "\n"))
            """
        return try #require(FirewallState(ufwStatus: text))
    }

    private static let maker = FirewallCommands(pods: pods, nodes: "10.0.0.0/16", gracePeriod: .seconds(80))
    private static let inputRule = "Anywhere                   ALLOW IN    \(pods)"
    private static let routedFromRule = "Anywhere                   ALLOW FWD   \(pods)"
    private static let routedToRule = "\(pods)             ALLOW FWD   Anywhere"

    private static func commands(
        _ policy: Inventory.Firewall.Policy, _ state: FirewallState
    ) -> [[String]] {
        maker.commands(for: policy, in: state, exposure: nil).map(\.arguments)
    }

    private static let inactive = FirewallState(ufwStatus: "Status: inactive\n")

    @Test func leavesItWhereTheInventorySaysSo() throws {
        #expect(Self.commands(.leave, try Self.state()).isEmpty)
        #expect(Self.commands(.leave, try #require(Self.inactive)).isEmpty)
    }

    @Test func switchesItOff() throws {
        #expect(Self.commands(.disabled, try Self.state()) == [Self.disable])
        #expect(Self.commands(.disabled, try Self.state(routed: "allow", Self.inputRule)) == [Self.disable])
        #expect(Self.commands(.disabled, try #require(Self.inactive)).isEmpty)
    }

    @Test func allowsThePodNetworkInputAndRouted() throws {
        #expect(Self.commands(.allowPodNetwork, try Self.state()) == [Self.input, Self.routedFrom, Self.routedTo])
    }

    @Test func allowsOnlyWhatIsMissing() throws {
        #expect(Self.commands(.allowPodNetwork, try Self.state(Self.inputRule)) == [Self.routedFrom, Self.routedTo])
        #expect(
            Self.commands(.allowPodNetwork, try Self.state(Self.inputRule, Self.routedFromRule)) == [Self.routedTo])
        #expect(
            Self.commands(.allowPodNetwork, try Self.state(Self.routedFromRule, Self.routedToRule)) == [Self.input])
        #expect(
            Self.commands(
                .allowPodNetwork, try Self.state(Self.inputRule, Self.routedFromRule, Self.routedToRule)
            ).isEmpty)
    }

    @Test func needsNoRoutedRulesWhereRoutedTrafficPassesAnyway() throws {
        #expect(Self.commands(.allowPodNetwork, try Self.state(routed: "allow")) == [Self.input])
        #expect(Self.commands(.allowPodNetwork, try Self.state(routed: "allow", Self.inputRule)).isEmpty)
        for routed in ["reject", "disabled"] {
            #expect(Self.commands(.allowPodNetwork, try Self.state(routed: routed, Self.inputRule)).count == 2)
        }
    }

    @Test func rulesForOtherNetworksOrPortsDoNotCount() throws {
        let state = try Self.state(
            "Anywhere                   ALLOW IN    10.233.0.0/18",
            "Anywhere                   DENY IN     10.233.64.7", "22/tcp                     DENY IN     Anywhere",
            "3000/tcp                   ALLOW IN    \(Self.pods)", "Anywhere                   DENY FWD    10.9.0.0/16"
        )
        #expect(Self.commands(.allowPodNetwork, state) == [Self.input, Self.routedFrom, Self.routedTo])
    }

    @Test func aWiderRuleThatAllowsIsEnough() throws {
        let state = try Self.state(
            "Anywhere                   ALLOW IN    10.233.0.0/16", "Anywhere                   ALLOW FWD   Anywhere")
        #expect(Self.commands(.allowPodNetwork, state).isEmpty)
    }

    @Test func aRuleThatDeniesTheSameIsTurnedRound() throws {
        let state = try Self.state(
            "Anywhere                   DENY IN     \(Self.pods)", Self.routedFromRule, Self.routedToRule)
        #expect(Self.commands(.allowPodNetwork, state) == [Self.input])
    }

    @Test(arguments: ["deny", "allow"]) func aRuleThatDeniesMoreAndComesFirstIsOvertaken(_ routed: String) throws {
        let state = try Self.state(
            routed: routed, "Anywhere                   REJECT IN   10.233.0.0/16", Self.inputRule,
            "Anywhere                   DENY FWD    Anywhere", Self.routedToRule)
        #expect(
            Self.commands(.allowPodNetwork, state) == [
                ["ufw", "delete", "allow", "from", Self.pods], ["ufw", "insert", "1", "allow", "from", Self.pods],
                ["ufw", "route", "insert", "1", "allow", "from", Self.pods],
                ["ufw", "route", "delete", "allow", "to", Self.pods],
                ["ufw", "route", "insert", "1", "allow", "to", Self.pods],
            ])
        #expect(state.dropsRoutedTraffic(of: Self.pods))
    }

    @Test func aRuleThatDeniesMoreAndComesLaterChangesNothing() throws {
        let state = try Self.state(
            Self.inputRule, "Anywhere                   DENY IN     Anywhere", Self.routedFromRule, Self.routedToRule,
            "Anywhere                   DENY FWD    Anywhere")
        #expect(Self.commands(.allowPodNetwork, state).isEmpty)
        #expect(!state.dropsRoutedTraffic(of: Self.pods))
    }
}
