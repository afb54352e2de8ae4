import ArgumentParser
import ClientKit
import Dispatch
import Engine
import StepKit
import Synchronization

/// How long a command may take as a whole.
struct TimeOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "Stop with status 124 after this time, at most 24h, such as 90s, 15m or 1h30m (default: no limit). The "
                + "inventory's time limits still apply.",
            valueName: "duration"))
    var timeout: WrittenDuration?

    func validate() throws {
        guard timeout?.duration != .zero else { throw ValidationError("--timeout must be at least a second") }
    }
}

/// A duration as operators write it, up to a day: `90`, `90s`, `15m`, `1h30m`; plain numbers are seconds.
struct WrittenDuration: ExpressibleByArgument, Sendable {
    let duration: Duration

    init?(argument: String) {
        let units: [Character: Int] = ["h": 3600, "m": 60, "s": 1]
        var rest = (argument.last?.isNumber == true ? "\(argument)s" : argument)[...]
        guard !rest.isEmpty else { return nil }
        var (seconds, smallest) = (0, Int.max)
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            rest = rest.dropFirst(digits.count)
            guard let number = Int(digits), number <= 86400, let unit = rest.popFirst().flatMap({ units[$0] }),
                unit < smallest
            else { return nil }
            (seconds, smallest) = (seconds + number * unit, unit)
        }
        // The same range as for limits in the inventory.
        guard (0...86400).contains(seconds) else { return nil }
        duration = .seconds(seconds)
    }
}

extension TimeOptions {
    /// Does `work`, which is cancelled when the time is up.
    ///
    /// Throws an error of kind `outOfTime` instead of anything that `work` throws after that.
    func limiting<Value: Sendable>(
        _ attempt: String, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard let limit = timeout?.duration else { return try await work() }
        let task = Task { try await work() }
        let seconds = Int(limit.components.seconds)
        // On a queue, whose threads keep running even if the work occupies every thread of the
        // pool.
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "timeout"))
        timer.schedule(deadline: .now() + .seconds(seconds))
        let stop = Mutex<TimeLimit?>(nil)
        timer.setEventHandler {
            guard let grace = stop.withLock(\.self) else {
                let grace = Interruptions.stopLimit
                stop.withLock { $0 = grace }
                _ = Interruptions.note(.timeLimit(limit))
                timer.schedule(deadline: .now() + grace.duration / .seconds(1))
                return task.cancel()
            }
            let told = DispatchSemaphore(value: 0)
            DispatchQueue.global().async {
                Terminal.write(
                    "error: \(attempt): it did not stop within \(grace.inWords) after the \(seconds) s of --timeout "
                        + "→ find out what it is waiting for, then try again, a run with `runner resume`\n")
                told.signal()
            }
            // It may be the terminal itself that it is waiting for.
            _ = told.wait(timeout: .now() + .seconds(1))
            Interruptions.end()
        }
        timer.resume()
        defer { timer.cancel() }
        do {
            return try await task.value
        } catch  where task.isCancelled {
            throw StepFailure(
                attempt, cause: "it did not finish within the \(seconds) s of --timeout",
                remedy: "allow it more time, or run `runner doctor` to find out what it is waiting for",
                kind: .outOfTime)
        }
    }
}
