import StepKit

extension Rule<ChatwootSettings.ReplicaCount> {
    /// A number of pods, or `leave`.
    static var replicas: Rule {
        let number = Rule<Int>.integer(1...100)
        let leave = "leave"
        return Rule(
            kind: .integer, choices: [leave], range: number.range, placeholder: .leave
        ) { (value) throws(Mistake) in
            switch value {
            case .number: return .exactly(try number.read(value))
            case .string(leave): return .leave
            case .string(let text): throw Mistake("must be a whole number or \"leave\", not \(shown(text))")
            default: throw Mistake("must be a whole number or \"leave\", not \(value.kind.withArticle)")
            }
        }
    }
}

extension Rule<String> {
    /// An identifier that is also safe in Chatwoot's own database.yml, where it is in double
    /// quotes.
    static var chatwootIdentifier: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            let text = try identifier.read(.string(text))
            if text.unicodeScalars.contains(where: { $0 == "\"" || $0 == "\\" }) {
                throw Mistake("must not contain \" or \\, which Chatwoot's database.yml misreads")
            }
            return text
        }
    }
}
