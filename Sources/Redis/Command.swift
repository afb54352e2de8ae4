import ClientKit

/// A Redis command, and the part of it that may be shown.
struct Command {
    let words: [String]
    let effect: Effect
    /// The words for records and errors.
    let shown: [String]
    /// The secrets that no record may contain.
    let secrets: [String]
    /// Whether it authenticates.
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

    /// Its purpose as text, without the value that a key is set to.
    var purpose: String {
        let key = shown.count > 1 ? " \(shown[1])" : ""
        return switch words.first {
        case "AUTH": "log in to Redis"
        case "PING": "check that Redis responds"
        case "INFO": "read the Redis server's information"
        case "ROLE": "check whether Redis is the master"
        case "SENTINEL": "ask a Sentinel for the master"
        case "SELECT": "select Redis database\(key)"
        case "SCAN": "scan for keys in Redis"
        case "SET": "set the key\(key) in Redis"
        case "DEL", "UNLINK": "remove \(shown.count == 2 ? "the key\(key)" : "\(shown.count - 1) keys") from Redis"
        case "EXISTS": "check whether the key\(key) exists in Redis"
        default: "read\(key) in Redis"
        }
    }

    /// What the server said, without the secrets.
    ///
    /// Redis repeats the beginning of the arguments of a command that it does not know, which may be a part of
    /// one.
    func shown(answer: String) -> String {
        guard !secrets.isEmpty else { return answer }
        let end = answer.firstRange(of: ", with args beginning with")?.lowerBound ?? answer.endIndex
        return String(answer[..<end]).redacting(secrets)
    }

    /// What was tried, as a phrase: without the value that a key is set to.
    var attempt: String { isLogin ? "log in to Redis" : "send \(shown.prefix(2).joined(separator: " ")) to Redis" }
}
