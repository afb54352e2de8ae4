import ClientKit

/// A Redis command, and the part of it that may be shown.
struct Command {
    private(set) var words: [String]
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

    /// The same change of `keys`, done only before `end`, in seconds since 1970 by the server's clock.
    ///
    /// A script is one step for the server. There is no fencing number in it: nothing on the server could hold that but a
    /// key among those of the application.
    func before(_ end: Int) -> Command {
        let keys = words[0] == "SET" ? words[1...1] : words[1...]
        let script = """
            local now = redis.pcall('TIME') \
            if not now.err and tonumber(now[1]) >= tonumber(ARGV[1]) then return redis.error_reply('\(Self.late)') end \
            local words = {ARGV[2]} for _, key in ipairs(KEYS) do words[#words + 1] = key end \
            for i = 3, #ARGV do words[#words + 1] = ARGV[i] end return redis.pcall(unpack(words))
            """
        var command = self
        command.words =
            ["EVAL", script, "\(keys.count)"] + keys + ["\(end)", words[0]] + words.dropFirst(1 + keys.count)
        return command
    }

    /// The answer to a change that came too late.
    static let late = "TOOLATE another run may have the module"

    static var ping: Command { Command(["PING"], .read) }

    /// Its purpose as text, without the value that a key is set to.
    var purpose: String {
        let key = shown.count > 1 ? " \(shown[1])" : ""
        return switch words.first {
        case "AUTH": "log in to Redis"
        case "PING": "check that Redis responds"
        case "INFO": "read the Redis server's information"
        case "ROLE": "check whether Redis is the master"
        case "TIME": "read the Redis server's clock"
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
        // Redis 6 puts the place in the script before an error that the script passes on: `@user_script: 1: -READONLY …`.
        let told = answer.wholeMatch(of: /@user_script: ?\d+: -?(.*\S)\s*/)?.1
        let answer = told.map { String($0) } ?? answer
        guard !secrets.isEmpty else { return answer }
        let end = answer.firstRange(of: ", with args beginning with")?.lowerBound ?? answer.endIndex
        return String(answer[..<end]).redacting(secrets)
    }

    /// What was tried, as a phrase: without the value that a key is set to.
    var attempt: String { isLogin ? "log in to Redis" : "send \(shown.prefix(2).joined(separator: " ")) to Redis" }
}
