import Engine
import Foundation
import StepKit
import Synchronization

/// Shows a run's events as one line per step: what it is doing and waiting for, the elapsed time,
/// the result.
final class ProgressLines: Sendable {
    private let terminal: Terminal
    private let state = Mutex(State())
    private let animation = Mutex<Task<Void, Never>?>(nil)

    private struct State {
        var current: (title: String, doing: String, since: ContinuousClock.Instant)?
        var plain = PlainProgress()
    }

    init(terminal: Terminal) {
        self.terminal = terminal
    }

    /// Redraws the line of the current step until the run ends.
    private func beginAnimation() {
        guard terminal.isAnimated else { return }
        let task = Task {
            while !Task.isCancelled {
                redraw()
                do { try await Task.sleep(for: .milliseconds(200)) } catch { return }
            }
        }
        animation.withLock { $0 = task }
    }

    /// Shows one event.
    func show(_ event: EngineEvent) {
        switch event {
        case .runBegan(let runID, let module, let resumed):
            terminal.line("\(resumed ? "resume" : "run") \(runID) · module \(module)")
            beginAnimation()
        case .preflightBegan:
            begin("preflight", doing: "connecting")
        case .preflightPassed(let duration):
            end("preflight", as: "all checks passed", after: duration)
        case .stepBegan(let id, let index, let count):
            begin("[\(index)/\(count)] \(id)", doing: "checking")
        case .stepProgress(_, let said):
            progress(said)
        case .stepEnded(let id, .inPlace, let duration):
            end("\(id)", as: "in place", after: duration)
        case .stepEnded(let id, .applied(let changes), let duration):
            let count = "\(changes.count) \(changes.count == 1 ? "change" : "changes")"
            end("\(id)", as: "\(count) applied", after: duration)
            for change in changes { terminal.line(terminal.coloured("      \(change.summary)", in: .dim)) }
        case .stepFailed(let id, let duration):
            end("\(id)", as: "failed", isFailure: true, after: duration)
        case .warning(let text):
            terminal.line(terminal.coloured("warning: \(text)", in: .yellow))
        case .runEnded(let summary):
            finish(summary)
        }
    }

    private func begin(_ title: String, doing: String) {
        state.withLock { state in
            state.current = (title, doing, .now)
            state.plain = PlainProgress()
        }
        if terminal.isAnimated { redraw() }
    }

    /// On a terminal the line counts down; elsewhere a line is printed when what is waited for
    /// changes.
    private func progress(_ said: Reporter.Progress) {
        let line = state.withLock { state in
            state.current?.doing = said.summary
            return state.plain.line(for: said)
        }
        if terminal.isAnimated {
            redraw()
        } else if let line {
            terminal.line("\(line)")
        }
    }

    private func end(
        _ title: String, as result: String, isFailure: Bool = false, after duration: Duration
    ) {
        let full = state.withLock { state in
            defer { state.current = nil }
            return state.current?.title ?? title
        }
        let mark = isFailure ? terminal.coloured("✗", in: .red) : terminal.coloured("✓", in: .green)
        terminal.line("\(mark) \(full)  \(result)  \(duration.inSeconds)")
    }

    private func finish(_ summary: RunSummary) {
        state.withLock { $0.current = nil }
        animation.withLock { $0 }?.cancel()
        let counts = "\(summary.applied) applied, \(summary.inPlace) in place, \(summary.duration.inSeconds)"
        switch summary.failure {
        case nil:
            terminal.line("\(terminal.coloured("done", in: .green)): \(counts)")
        case .interrupted(let why):
            let word = terminal.coloured("\(why.summary)", in: .yellow)
            terminal.line("\(word): \(counts); continue with: runner resume \(summary.runID)")
        case .some(let failure):
            terminal.line("\(terminal.coloured("failed", in: .red)): \(failure.message)")
            terminal.line("log of the run: runner logs \(summary.runID)")
            if summary.isResumable, !failure.namesTheNextCommand {
                terminal.line("once that is fixed, continue with: runner resume \(summary.runID)")
            }
        }
        for note in summary.notes { terminal.line("\n\(note)") }
    }

    private func redraw() {
        guard let current = state.withLock({ $0.current }) else { return }
        terminal.live("· \(current.title)  \(current.doing)  \(current.since.duration(to: .now).inSeconds)")
    }
}

/// Progress where nothing can be redrawn: a line when the step waits for something else, none while
/// only time passes.
struct PlainProgress {
    private var last: String?

    /// The line to print, if there is news.
    mutating func line(for said: Reporter.Progress) -> String? {
        guard said.text != last else { return nil }
        last = said.text
        return "    … \(said.summary)"
    }
}

extension Duration {
    /// Seconds with one decimal: `3.4 s`.
    var inSeconds: String {
        formatted(.units(allowed: [.seconds], width: .narrow, fractionalPart: .show(length: 1)))
    }
}
