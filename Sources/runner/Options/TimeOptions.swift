import ArgumentParser
import ClientKit
import Dispatch
import Engine
import StepKit

/// How long a command may take as a whole.
struct TimeOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "Stop with status 124 after this time, such as 90s, 15m or 1h30m (default: no limit). The "
                + "inventory's limits hold within it.",
            valueName: "duration"))
    var timeout: TimeLimit?
}

/// A duration as an operator writes it, from a second to a day: `90`, `90s`, `15m`, `1h30m`.
struct TimeLimit: ExpressibleByArgument, Sendable {
    let duration: Duration

    init?(argument: String) {
        let units: [Character: Int] = ["h": 3600, "m": 60, "s": 1]
        var rest = (argument.last?.isNumber == true ? "\(argument)s" : argument)[...]
        var (seconds, smallest) = (0, Int.max)
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            rest = rest.dropFirst(digits.count)
            guard let number = Int(digits), number <= 86400, let unit = rest.popFirst().flatMap({ units[$0] }),
                unit < smallest
            else { return nil }
            (seconds, smallest) = (seconds + number * unit, unit)
        }
        // As the limits in the inventory are.
        guard (1...86400).contains(seconds) else { return nil }
        duration = .seconds(seconds)
    }
}

extension TimeOptions {
    /// How long the orderly end may take, with the command in progress and the locks, before the
    /// process ends all the same.
    private static let grace = 30

    /// Does `work`, which is cancelled when the time is over.
    ///
    /// Throws an error of kind `outOfTime` in place of whatever `work` throws after that.
    func limiting<Value: Sendable>(
        _ attempt: String, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard let limit = timeout?.duration else { return try await work() }
        let task = Task { try await work() }
        let seconds = Int(limit.components.seconds)
        // On a queue, whose threads go on also where the work has every thread of the pool.
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "timeout"))
        timer.schedule(deadline: .now() + .seconds(seconds), repeating: .seconds(Self.grace))
        timer.setEventHandler {
            guard task.isCancelled else {
                _ = Interruptions.note(.timeLimit(limit))
                return task.cancel()
            }
            Terminal.write(
                "error: \(attempt): it did not stop within \(Self.grace) s after the \(seconds) s of --timeout "
                    + "→ see what it waits for, then continue with `runner resume`\n")
            Interruptions.end()
        }
        timer.resume()
        defer { timer.cancel() }
        do {
            return try await task.value
        } catch  where task.isCancelled {
            throw StepFailure(
                attempt, cause: "it was not done within the \(seconds) s of --timeout",
                remedy: "give it more time, or find what keeps it waiting with `runner doctor`",
                kind: .outOfTime)
        }
    }
}
