import Foundation
import Testing

/// Services with several addresses, of which not all are alive.
extension RehearsalTests {
    /// An address that swallows whatever comes, one where nobody listens, and the load balancer.
    private static let addresses = (swallowing: "10.0.0.99", refusing: "10.0.0.12", good: "10.0.0.10")
    /// What a dead address may cost, long enough to be told from all else.
    private static let limit = 20

    /// While `body` runs, packets to an address of the load balancer's host vanish.
    static func withSwallowingAddress(_ body: () async throws -> Void) async throws {
        let address = "\(addresses.swallowing)/32"
        try await Lab.call("shell", "lb-data", "ip", "address", "add", address, "dev", "eth0")
        try await Lab.call("shell", "lb-data", "iptables", "-I", "INPUT", "-d", address, "-j", "DROP")
        try await undoing({ try await removeSwallowingAddress(address) }) {
            try await body()
        }
    }

    private static func removeSwallowingAddress(_ address: String) async throws {
        try await Lab.call("shell", "lb-data", "iptables", "-D", "INPUT", "-d", address, "-j", "DROP")
        try await Lab.call("shell", "lb-data", "ip", "address", "del", address, "dev", "eth0")
    }

    private static func inventory(postgres hosts: [String], via: String) throws -> Variant {
        let list = hosts.map { "\"\($0)\"" }.joined(separator: ", ")
        return try Variant([
            "\"hosts\": [\"10.0.0.10\"], \"port\": 5432": "\"hosts\": [\(list)], \"port\": 5432, \"via\": \"\(via)\"",
            "\"firewall\":": "\"limits\": { \"connect\": \(limit), \"service\": \(limit) }, \"firewall\":",
        ])
    }

    @Test(arguments: ["direct", "ssh"])
    func aHostOfPostgreSQLThatRefusesIsPassedOverByRunnerAndPods(via: String) async throws {
        try await Lab.reset()
        let variant = try Self.inventory(postgres: [Self.addresses.refusing, Self.addresses.good], via: via)
        let run = try await Lab.runner("run", "11", "--inventory", variant.path)
        #expect(run.status == 0, "\(run.error)")
        let doctor = try await Lab.runner("doctor", "11", "--inventory", variant.path)
        #expect(doctor.status == 1, "\(doctor.output)")
        #expect(doctor.output.components(separatedBy: "✗").count == 2, "one failure: \(doctor.output)")
        #expect(doctor.output.contains("✗ PostgreSQL at 10.0.0.12:5432"), "\(doctor.output)")
        #expect(doctor.output.contains("✓ PostgreSQL at 10.0.0.10:5432: accepts writes"), "\(doctor.output)")
        let probe = try await Lab.runner("inventory", "check", "--probe", "--inventory", variant.path)
        #expect(probe.status == 1 && probe.output.contains("✗ PostgreSQL at 10.0.0.12:5432"), "\(probe.output)")
    }

    @Test(arguments: ["direct", "ssh"])
    func aHostOfPostgreSQLThatSwallowsPacketsCostsItsTimeOnce(via: String) async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Self.withSwallowingAddress {
            let variant = try Self.inventory(postgres: [Self.addresses.swallowing, Self.addresses.good], via: via)
            // The administrator in two databases, and Chatwoot's role: three connections at least.
            let steps = ["--until", "11_ct_01_prepare_config", "--inventory", variant.path]
            let usual = try await Lab.runner("run", "11", "--until", "11_ct_01_prepare_config")
            let run = try await Command([Lab.command, "run", Lab.runner, "run", "11"] + steps).run()
            #expect(run.status == 0, "\(run.error)")
            let cost = run.seconds - usual.seconds
            #expect(cost > Double(Self.limit) * 0.7 && cost < Double(Self.limit) * 1.9, "\(cost) s, \(run.error)")

            let doctor = try await Lab.runner("doctor", "11", "--inventory", variant.path)
            #expect(doctor.status == 1, "\(doctor.output)")
            #expect(doctor.output.contains("✗ PostgreSQL at 10.0.0.99:5432"), "\(doctor.output)")
            #expect(doctor.output.contains("✓ PostgreSQL at 10.0.0.10:5432: accepts writes"), "\(doctor.output)")
            #expect(doctor.output.contains("✓ Redis: "), "\(doctor.output)")
            #expect(doctor.seconds < Double(Self.limit) * 1.9, "\(doctor.seconds) s")
        }
    }
}
