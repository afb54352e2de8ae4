import ClientKit
import Foundation
import Glibc
import Journal
import Synchronization

/// Asks for the passphrases of keys on the terminal, without echo, once per key for all hosts that
/// need it.
actor Passphrase {
    private static let shared = Passphrase()
    /// The terminal's settings to restore after typing without echo.
    private static let hidden = Mutex<termios?>(nil)
    private var answers: [String: Task<Secret?, Never>] = [:]

    /// The passphrase of `key`; `nil` if there is no terminal.
    static func ask(_ key: String) async -> Secret? {
        await shared.answer(key)
    }

    /// Restores the terminal if the process ends during a prompt.
    static func restoreTerminal() {
        guard var shown = hidden.withLock({ $0 }) else { return }
        tcsetattr(STDIN_FILENO, TCSANOW, &shown)
    }

    private func answer(_ key: String) async -> Secret? {
        if let asked = answers[key] { return await asked.value }
        // Prompts for several keys come one after another: they share the terminal.
        let others = Array(answers.values)
        let question = Task<Secret?, Never> {
            for other in others { _ = await other.value }
            return await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    let secret = Self.read("Passphrase for \(key): ")
                    if let secret { redactor.add(secret) }
                    continuation.resume(returning: secret)
                }
            }
        }
        answers[key] = question
        return await question.value
    }

    private static func read(_ prompt: String) -> Secret? {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else { return nil }
        let shown = settings
        hidden.withLock { $0 = shown }
        settings.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(terminal, TCSAFLUSH, &settings) == 0 else { return nil }
        defer {
            var shown = shown
            tcsetattr(terminal, TCSAFLUSH, &shown)
            hidden.withLock { $0 = nil }
        }
        let handle = FileHandle(fileDescriptor: terminal, closeOnDealloc: false)
        handle.write(Data(prompt.utf8))
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while Glibc.read(terminal, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        handle.write(Data("\n".utf8))
        return line.isEmpty ? nil : Secret(String(decoding: line, as: UTF8.self))
    }
}
