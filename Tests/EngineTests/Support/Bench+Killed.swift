import ClientKit
import Testing

extension Bench {
    /// What a process leaves that was killed inside the second step's apply.
    static func killedInSecond() async throws -> Bench {
        let bench = try Bench()
        let left = Box<Bench>()
        bench.world.on("second.apply") { _ in
            left.value = try bench.crashed()
            throw failure(.failed)
        }
        _ = try await bench.run()
        bench.world.calm("second.apply")
        bench.world.forgetCalls()
        return try #require(left.value)
    }
}
