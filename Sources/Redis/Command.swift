import ClientKit

/// One Redis command, and what of it may be shown.
struct Command {
    let words: [String]
    let effect: Effect
    /// The words for records and errors.
    let shown: [String]
    /// What no record may hold.
    let secrets: [String]
    /// Whether it says who we are.
    let isLogin: Bool

    init(_ words: [String], _ effect: Effect) {
        self.words = words
        self.effect = effect
        self.shown = words
        self.secrets = []
        self.isLogin = false
    }

    init(authenticating user: String?, password: Secret) {
        let start = ["AUTH"] + (user.map { [$0] } ?? [])
        self.words = start + [password.reveal()]
        self.effect = .read
        self.shown = start + [password.description]
        self.secrets = [password.reveal()]
        self.isLogin = true
    }

    static var ping: Command { Command(["PING"], .read) }

    /// What was tried, as a phrase: without the value that a key is set to.
    var attempt: String { isLogin ? "log in to Redis" : "send \(shown.prefix(2).joined(separator: " ")) to Redis" }
}
