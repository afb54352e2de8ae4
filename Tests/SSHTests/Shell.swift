import Foundation
import TestSupport
import Testing

/// Runs a local program and returns what it printed; fails the test where it fails.
@discardableResult
func shell(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil
) async throws -> String {
    let finished = try await ChildProcess.run(program, arguments, environment: environment)
    try #require(finished.status == 0, "\(program) \(arguments): \(finished.output)")
    return finished.output
}

/// Waits until `condition` holds, at most 60 seconds.
func eventually(_ what: String, _ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try !condition() {
        try #require(.now < deadline, "\(what) did not happen in time")
        try await Task.sleep(for: .milliseconds(10))
    }
}
