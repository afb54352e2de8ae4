import ClientKit
import Dispatch
import Journal

/// Asks for the passphrases of keys on the terminal, without echo, once per key for all hosts that
/// need it.
actor Passphrase {
    private static let shared = Passphrase()
    private var questions: [String: Question] = [:]

    /// The passphrase of `key`; `nil` if there is no terminal, and where everybody who waits for it
    /// is cancelled.
    static func ask(_ key: String) async -> Secret? {
        await shared.answer(key)
    }

    private func answer(_ key: String) async -> Secret? {
        let question = questions[key] ?? begin(key)
        let answer = await question.answer()
        // Whoever comes later is asked again.
        if question.isAbandoned, questions[key] === question { questions[key] = nil }
        return answer
    }

    private func begin(_ key: String) -> Question {
        // Prompts for several keys come one after another: they share the terminal.
        let question = Question(about: key, after: Array(questions.values))
        questions[key] = question
        return question
    }
}

/// A passphrase that is being asked for, until it is there or nobody waits for it any more.
private final class Question: Sendable {
    private let waiting: Locked<Int?>
    private let task: Task<Secret?, Never>

    init(about key: String, after others: [Question]) {
        // Nil once the last of those who waited has given up.
        let waiting = Locked<Int?>(0)
        self.waiting = waiting
        task = Task {
            for other in others { _ = await other.task.value }
            return await withCheckedContinuation { continuation in
                // It blocks its thread for as long as nobody types.
                DispatchQueue.global().async {
                    let secret = Prompt.read("Passphrase for \(key): ") { waiting.withLock { $0 == nil } }
                    if let secret { redactor.add(secret) }
                    continuation.resume(returning: secret)
                }
            }
        }
    }

    var isAbandoned: Bool { waiting.withLock { $0 == nil } }

    /// The answer, for one who waits for it.
    func answer() async -> Secret? {
        waiting.withLock { $0 = $0.map { $0 + 1 } }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            waiting.withLock { $0 = $0.flatMap { $0 > 1 ? $0 - 1 : nil } }
        }
    }
}
