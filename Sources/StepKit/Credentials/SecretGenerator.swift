public import ClientKit

/// Generates secrets from the operating system's random numbers.
public enum SecretGenerator {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    private static let digits = Array("0123456789")

    /// A password of letters and digits that begins with a letter, so that nothing has to quote or
    /// escape it.
    public static func password() -> Secret {
        var generator = SystemRandomNumberGenerator()
        let all = letters + digits
        let first = letters[Int.random(in: letters.indices, using: &generator)]
        let rest = (1..<40).map { _ in all[Int.random(in: all.indices, using: &generator)] }
        return Secret(String([first] + rest))
    }

    /// A key: 64 random bytes as 128 hexadecimal digits.
    public static func hexadecimalKey() -> Secret {
        var generator = SystemRandomNumberGenerator()
        let words = (0..<16).map { _ in hexadecimal(UInt32.random(in: .min ... .max, using: &generator), digits: 8) }
        return Secret(words.joined().lowercased())
    }
}
