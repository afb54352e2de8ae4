import ClientKit
import Dispatch
import Foundation
import Glibc

/// Reads a secret from the process's terminal, which shows nothing of it and is as it was afterwards, however that ends.
enum Prompt {
    /// The terminal, and its settings to restore.
    private static let hidden = Locked<(terminal: Int32, shown: termios)?>(nil)

    /// Whether one waits for its answer: what is drawn then would cover it.
    static var isShown: Bool { hidden.withLock { $0 != nil } }

    /// Restores the terminal if the process ends during a prompt.
    static func restoreTerminal() {
        hidden.withLock { hidden in
            guard var hidden else { return }
            tcsetattr(hidden.terminal, TCSANOW, &hidden.shown)
        }
    }

    /// What the operator types; `nil` where there is no terminal, and once `isOver` says so.
    ///
    /// Blocks the thread.
    static func read(_ prompt: String, until isOver: () -> Bool) -> Secret? {
        // Standard input may be something else.
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var settings = termios()
        guard !isOver(), tcgetattr(terminal, &settings) == 0 else { return nil }
        let shown = settings
        hidden.withLock { $0 = (terminal, shown) }
        let signals = PromptSignals { _ = show(prompt, on: terminal, hiding: shown) }
        defer {
            signals.end()
            tcsetattr(terminal, TCSAFLUSH, &settings)
            hidden.withLock { $0 = nil }
            write("\n", to: terminal)
        }
        guard show(prompt, on: terminal, hiding: shown), let line = line(from: terminal, until: isOver), !line.isEmpty
        else { return nil }
        return Secret(String(decoding: line, as: UTF8.self))
    }

    private static func show(_ prompt: String, on terminal: Int32, hiding shown: termios) -> Bool {
        var settings = shown
        settings.c_lflag &= ~tcflag_t(ECHO)
        // Where what is typed cannot be hidden, nobody is asked to type.
        guard tcsetattr(terminal, TCSAFLUSH, &settings) == 0 else { return false }
        write(prompt, to: terminal)
        return true
    }

    private static func write(_ text: String, to terminal: Int32) {
        // A terminal that takes no prompt gives no answer either.
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(terminal, $0.baseAddress, $0.count) }
    }

    private static func line(from terminal: Int32, until isOver: () -> Bool) -> [UInt8]? {
        var line: [UInt8] = []
        while !isOver() {
            var waited = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waited, 1, 100)
            if ready == 0 || (ready < 0 && errno == EINTR) { continue }
            var byte: UInt8 = 0
            let count = Glibc.read(terminal, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { return line }
            line.append(byte)
        }
        return nil
    }
}

/// Signals that would end or stop the process during a prompt, and leave a terminal that shows nothing of what is typed.
///
/// Those that are ignored, or that ``Signals`` takes, stay as they are.
private final class PromptSignals {
    private var sources: [any DispatchSourceSignal] = []

    /// - Parameter showAgain: Brings the prompt back after the process was stopped and goes on.
    init(showAgain: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "signals of the prompt")
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] where SignalSource.handler(of: number) == nil {
            let source = SignalSource.taking(number, on: queue) {
                Prompt.restoreTerminal()
                let own = signal(number, SIG_DFL)
                // Ends the process; or stops it, and returns once it goes on.
                kill(getpid(), number)
                signal(number, own)
                if number == SIGTSTP { showAgain() }
            }
            sources.append(source)
        }
    }

    func end() {
        for source in sources {
            source.cancel()
            signal(Int32(source.handle), SIG_DFL)
        }
    }
}
