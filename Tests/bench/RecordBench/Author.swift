import ClientKit
import Foundation
import Journal

/// Writes runs through the journal, as the engine does.
struct Author {
    private static let step = "11_ct_03_tests"
    private static let description = RunDescription(
        module: "11", steps: [step], runnerVersion: "bench", inventoryPath: "/etc/keybuzz/inventory.json",
        inventoryDigest: String(repeating: "0", count: 64))
    /// As many as a run of module 11 knows.
    private static let redactor = Redactor((0..<9).map { Secret("kq8-vT3-mWz-\($0)") })

    private let state: StateDirectory

    init(_ path: String) throws { state = try StateDirectory.prepare(path) }

    /// The seconds that each of `count` records took, by what was waited for.
    func records(_ count: Int) async throws -> [String: [Double]] {
        try await run { journal in
            try await journal.beginStep(Self.step)
            var seconds: [String: [Double]] = [:]
            for number in 0..<(2 * count) {
                let isDurable = number < count
                let start = ContinuousClock.now
                try await journal.record(.warning("record \(number) of a run that is timed"), durable: isDurable)
                seconds[isDurable ? "durable" : "written", default: []].append(
                    (ContinuousClock.now - start) / .seconds(1))
            }
            return seconds
        }
    }

    /// A run of so many commands that its log has at least `bytes` bytes.
    func log(ofBytes bytes: Int) async throws {
        try await run { journal in
            try await journal.beginStep(Self.step)
            let file = "\(journal.path)/audit.jsonl"
            while try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0 < bytes {
                for _ in 0..<1000 { try await read(journal) }
            }
        }
    }

    /// A run of one step that found everything in place.
    func smallRun() async throws {
        try await run { journal in
            try await journal.record(.preflight(PreflightResult()))
            try await journal.beginStep(Self.step)
            try await read(journal)
            try await journal.recordCheck(of: Self.step, inPlace: true)
            try await journal.finishStep(Self.step, .inPlace)
        }
    }

    private func run<T>(_ work: (RunJournal) async throws -> T) async throws -> T {
        let lock = try ModuleLock.acquire(module: Self.description.module, in: state)
        let journal = try await RunJournal.create(
            Self.description, in: state, holding: lock, redactor: Self.redactor)
        let result = try await work(journal)
        try await journal.finish(.succeeded, exitCode: 0, counts: ["in place": 1])
        try lock.release()
        return result
    }

    private func read(_ journal: RunJournal) async throws {
        let activity = Activity(
            channel: .ssh, host: "k8s-master-01",
            hostKeyFingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrDJn1E8zQk2ZQ0uSg3QXh5Y",
            as: .init(user: "root", keyFingerprint: "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"),
            for: "read Deployment support/web",
            command: ["kubectl", "-n", "support", "get", "deployment", "web", "-o", "json"], effect: .read)
        try await journal.willBegin(activity)
        journal.didReceive(Self.answer[...], from: .stdout, of: activity)
        try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(71)))
    }

    private static let answer = Array(
        #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"support"}}"#.utf8)
}
