/// Turns any bytes but NUL into one word for the shell, on one line.
enum ShellQuoting {
    /// The shell variable that holds a newline; the remote shell reads a command as one line, so no word may contain one.
    static let newlineVariable = "_kb_nl"

    /// `bytes` as one word, or nil if they contain NUL, which no argument can.
    static func quote(_ bytes: some Sequence<UInt8>) -> [UInt8]? {
        var word: [UInt8] = [quoteMark]
        for byte in bytes {
            switch byte {
            case 0: return nil
            case quoteMark: word += #"'\''"#.utf8
            case UInt8(ascii: "\n"): word += "'\"$\(newlineVariable)\"'".utf8
            default: word.append(byte)
            }
        }
        word.append(quoteMark)
        return word
    }

    private static let quoteMark = UInt8(ascii: "'")
}
