/// What `ExplainedError` asks of an attempt and a remedy, as far as their texts can show it.
enum MessageContract {
    /// A literal of a message, which may be joined from several.
    struct Message: Hashable {
        let text: String
        /// Whether the message begins with it.
        let begins: Bool
        /// Whether the message ends with it.
        let ends: Bool
    }

    /// Words that begin a statement, not a request.
    private static let statements: Set = [
        "a", "all", "an", "another", "each", "every", "it", "its", "no", "nobody", "nothing", "one",
        "only",
        "somebody", "that", "the", "their", "there", "these", "this", "those", "what", "where",
        "who", "whoever",
    ]

    /// Verbs that follow the subject of a statement.
    private static let predicates: Set = [
        "are", "can", "cannot", "does", "has", "have", "is", "may", "must", "was", "were",
    ]

    /// Whether the first words may be those of a request.
    private static func isRequest(_ text: String) -> Bool {
        let first = text.prefix { $0.isLetter }
        let words = text.split(separator: " ", maxSplits: 2).prefix(2).map(String.init)
        return !first.isEmpty && !statements.contains(String(first))
            && (!first.hasSuffix("ing") || first == "bring")
            && !(words.count == 2 && predicates.contains(words[1]))
    }

    /// What is wrong with a message; `nil` where it obeys.
    static func fault(of message: Message) -> String? {
        let text = message.text
        if message.begins {
            if text.isEmpty { return message.ends ? "is empty" : nil }
            // What an interpolation begins with is not in the literal.
            if !text.hasPrefix("\\(") {
                guard text.first?.isUppercase != true else { return "begins with a capital letter" }
                if !isRequest(text) { return "does not begin with a verb" }
            }
        }
        return message.ends && text.last == "." ? "ends with a full stop" : nil
    }
}
