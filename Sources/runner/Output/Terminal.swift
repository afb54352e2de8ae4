import ClientKit
import Foundation
import Glibc
import Synchronization

/// Standard error, for progress, with colour and animation only on a terminal that supports them.
final class Terminal: Sendable {
    /// Whether lines may be redrawn and coloured.
    let isAnimated: Bool
    private let state = Mutex(LiveLine())

    private struct LiveLine {
        var isShown = false
    }

    /// Checks the environment: `NO_COLOR`, `TERM=dumb`, a pipe and `--format json` turn colour and
    /// animation off.
    init(isQuiet: Bool, environment: [String: String] = ProcessInfo.processInfo.environment) {
        isAnimated = !isQuiet && Self.wantsColour(on: STDERR_FILENO, environment: environment)
    }

    /// Whether `descriptor` is a terminal whose user has not requested plain text.
    static func wantsColour(
        on descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> Bool {
        let wantsPlain = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        return !wantsPlain && environment["TERM"] != "dumb" && isatty(descriptor) == 1
    }

    /// Writes one finished line.
    func line(_ text: TerminalText) {
        state.withLock { live in
            Self.write("\(live.isShown ? Self.clearing : "")\(text)\n")
            live.isShown = false
        }
    }

    /// Shows a line that the next one overwrites; does nothing if the terminal is not animated, or
    /// shows a prompt.
    func live(_ text: String) {
        guard isAnimated, !Prompt.isShown else { return }
        state.withLock { live in
            Self.write("\(Self.clearing)\(Self.fitted(text.visibleOnOneLine, columns: Self.columns()))")
            live.isShown = true
        }
    }

    /// Erases the line that is shown.
    private static let clearing: TerminalText = "\r\u{1B}[2K"

    /// `text` in the given SGR colour if the terminal is animated.
    func coloured(_ text: TerminalText, in colour: Colour) -> TerminalText {
        isAnimated ? text.painted(colour) : text
    }

    /// The SGR codes of the colours.
    enum Colour: Int {
        case red = 31
        case green = 32
        case yellow = 33
        case dim = 2
    }

    /// Writes to standard error; if that is closed or full, the run continues, since its record is
    /// in the journal.
    static func write(_ text: TerminalText) {
        var rest = Array(text.raw.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(written, 0))
        }
    }

    private static func columns() -> Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    private static func fitted(_ text: String, columns: Int) -> String {
        text.count < columns ? text : String(text.prefix(max(columns - 2, 1))) + "…"
    }
}
