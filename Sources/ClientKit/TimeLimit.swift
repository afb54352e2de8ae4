/// How long a wait may last, and the setting that says so.
///
/// An error of a wait that ended by time shows its ``inWords``, so that whoever reads it knows what
/// to raise.
public struct TimeLimit: Sendable, Hashable {
    /// A key of the inventory, and what it is set to.
    private struct Setting: Hashable {
        let key: String
        let value: Duration
    }

    /// How long.
    public let duration: Duration
    private let setting: Setting?

    private init(_ duration: Duration, from setting: Setting?) {
        self.duration = duration
        self.setting = setting
    }

    /// A limit that the program itself sets.
    public init(_ duration: Duration) {
        self.init(duration, from: nil)
    }

    /// The limit that `key` of the inventory sets, such as `limits.connect`.
    public init(_ duration: Duration, key: String) {
        self.init(duration, from: Setting(key: key, value: duration))
    }

    /// Whole seconds that the program itself sets.
    public static func seconds(_ count: Int) -> TimeLimit { TimeLimit(.seconds(count)) }

    /// Milliseconds that the program itself sets.
    public static func milliseconds(_ count: Int) -> TimeLimit { TimeLimit(.milliseconds(count)) }

    /// `10 s (limits.connect)`; where it is made from a setting, `60 s (limits.service is 15 s)`; `5 s`
    /// where the program sets it.
    public var inWords: String {
        guard let setting else { return duration.inWords }
        return setting.value == duration
            ? "\(duration.inWords) (\(setting.key))"
            : "\(duration.inWords) (\(setting.key) is \(setting.value.inWords))"
    }

    /// `raise limits.connect in the inventory`; `nil` where the program sets it.
    public var remedy: String? { setting.map { "raise \($0.key) in the inventory" } }

    /// The same setting's limit with `margin` on top.
    public static func + (limit: TimeLimit, margin: Duration) -> TimeLimit {
        TimeLimit(limit.duration + margin, from: limit.setting)
    }

    /// The same setting's limit, `count` times.
    public static func * (limit: TimeLimit, count: Int) -> TimeLimit {
        TimeLimit(limit.duration * count, from: limit.setting)
    }

    /// The same setting's limit for a wait that took `duration`, or may take it.
    public func counted(as duration: Duration) -> TimeLimit {
        TimeLimit(duration, from: setting)
    }

    /// The same setting's limit, or `bound` where that is shorter.
    public func atMost(_ bound: Duration) -> TimeLimit {
        bound < duration ? TimeLimit(bound) : self
    }
}
