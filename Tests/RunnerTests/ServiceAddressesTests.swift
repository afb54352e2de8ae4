import ClientKit
import StepKit
import Synchronization
import Testing

@testable import RunnerCommands

/// Which of a service's addresses is dialled when.
@Suite struct ServiceAddressesTests {
    /// Counts what was dialled; an address is alive or not.
    private final class Network: Sendable {
        let alive: Mutex<Set<String>>
        let dialled = Mutex<[String]>([])

        init(alive: Set<String>) {
            self.alive = Mutex(alive)
        }

        func dial(_ address: String) async throws -> String {
            dialled.withLock { $0.append(address) }
            // Gives the others their turn, as waiting for an address does.
            for _ in 0..<5 { await Task.yield() }
            guard alive.withLock({ $0.contains(address) }) else {
                throw StepFailure("dial", host: address, cause: "nobody", remedy: "none", kind: .unreachable)
            }
            return address
        }

        func takeDialled() -> [String] {
            dialled.withLock { list in
                defer { list = [] }
                return list
            }
        }
    }

    private static func addresses(_ list: [String]) -> ServiceAddresses {
        ServiceAddresses(list, attempt: "connect") { $0.kind == .unreachable }
    }

    @Test func aDeadAddressIsDialledOnceHoweverManyAskAtOnce() async throws {
        let network = Network(alive: ["c"])
        let addresses = Self.addresses(["a", "b", "c"])
        let asked = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await addresses.connect { try await network.dial($0) } } }
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(asked == Array(repeating: "c", count: 20))
        let dialled = network.takeDialled()
        #expect(dialled.filter { $0 == "a" }.count == 1 && dialled.filter { $0 == "b" }.count == 1, "\(dialled)")
        #expect(try await addresses.connect { try await network.dial($0) } == "c")
        #expect(network.takeDialled() == ["c"])
    }

    @Test func whereAllAreDeadEachIsDialledOnceForAllWhoAskMeanwhile() async throws {
        let network = Network(alive: [])
        let addresses = Self.addresses(["a", "b"])
        let failures = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do {
                        _ = try await addresses.connect { try await network.dial($0) }
                        return false
                    } catch {
                        return error is CombinedFailure
                    }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(failures == 20)
        let dialled = network.takeDialled()
        #expect(dialled.count < 40, "\(dialled)")
        // Who comes later tries again.
        network.alive.withLock { $0 = ["a"] }
        #expect(try await addresses.connect { try await network.dial($0) } == "a")
    }

    @Test func whereTheGoodOneGoesTheOthersAreTriedAndNoneTwice() async throws {
        let network = Network(alive: ["b"])
        let addresses = Self.addresses(["a", "b"])
        #expect(try await addresses.connect { try await network.dial($0) } == "b")
        _ = network.takeDialled()
        network.alive.withLock { $0 = ["a"] }
        #expect(try await addresses.connect { try await network.dial($0) } == "a")
        #expect(network.takeDialled() == ["b", "a"])
        network.alive.withLock { $0 = [] }
        await #expect(throws: CombinedFailure.self) { try await addresses.connect { try await network.dial($0) } }
        #expect(network.takeDialled() == ["a", "b"])
    }

    @Test func whatIsTheSameEverywhereIsAskedOnce() async throws {
        let addresses = Self.addresses(["a", "b"])
        await #expect(throws: StepFailure.self) {
            try await addresses.connect { address in
                throw StepFailure("log in", host: address, cause: "wrong password", remedy: "none", kind: .refused)
            }
        }
        let single = Self.addresses(["a"])
        await #expect(throws: StepFailure.self) {
            try await single.connect { try await Network(alive: []).dial($0) }
        }
    }
}
