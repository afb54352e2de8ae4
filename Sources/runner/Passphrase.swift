import ClientKit
import Foundation
import Glibc

/// Asks for a key's passphrase on the terminal, without showing it; `nil` where there is no terminal to ask on.
enum Passphrase {
    static func ask(_ key: String) async -> Secret? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: read("Passphrase for \(key): ")) }
        }
    }

    private static func read(_ prompt: String) -> Secret? {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else { return nil }
        let shown = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(terminal, TCSAFLUSH, &settings) == 0 else { return nil }
        defer {
            var shown = shown
            tcsetattr(terminal, TCSAFLUSH, &shown)
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
