import ClientKit
import Engine
import Foundation
import Glibc
import Journal
import Kubernetes
import SSH

@testable import StepKit

/// A platform whose every object is a file in one folder: what a process made there stays when it is
/// killed.
final class Platform: Sendable {
    let path: String
    /// What everything that is done is told, as the clients of a real site do.
    let observer = Locked<(any ActivityObserver)?>(nil)

    init(path: String) { self.path = path }

    /// Whether the object is there.
    func has(_ object: String) -> Bool { access("\(path)/\(object)", F_OK) == 0 }

    /// Makes the object; where it is there already, the process ends: nothing is done twice.
    func make(_ object: String) {
        let file = open("\(path)/\(object)", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            print("\(object) was made twice")
            exit(3)
        }
        close(file)
    }

    /// Sends a change, as a client does: begun, where it may be, and ended.
    func change(_ words: String, _ work: () throws -> Void) async throws {
        guard let observer = observer.withLock({ $0 }) else { return }
        let activity = Activity(channel: .ssh, host: "k8s-master-01", command: [words], effect: .change)
        try await observer.willBegin(activity)
        try work()
        observer.didReceive(Array("done\n".utf8)[...], from: .stdout, of: activity)
        try await observer.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .zero))
    }

    /// Three steps that make two objects each; while the file `NAME.fails` is there, step NAME fails once it has made one.
    var module: StepKit.Module {
        Module(
            number: 11, summary: "objects that are files",
            application: { _ in Application(namespace: "files") },
            steps: ["first", "second", "third"].map { MakingStep(id: StepID($0), platform: self) },
            orderNote: "as written", preflight: { _ in [] }, diagnose: { _ in [] },
            evidence: { _ in [Evidence("objects.txt", "all of them")] })
    }
}

/// Makes its objects.
struct MakingStep: Step {
    let id: StepID
    let summary = "two objects"
    let platform: Platform

    private var objects: [String] { ["\(id).1", "\(id).2"] }

    func check(_ site: SiteReader) async throws -> Finding {
        let missing = objects.filter { !platform.has($0) }
        return missing.isEmpty ? .inPlace : .drifted(missing.map { Change("make \($0)", .proved) })
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        for object in objects where !platform.has(object) {
            try await platform.change("make \(object)") { platform.make(object) }
            if platform.has("\(id).fails") {
                throw StepFailure("make \(id)", cause: "it is to fail", remedy: "run `runner resume`")
            }
        }
    }

    func verify(_ site: SiteReader) async throws {
        guard objects.allSatisfy(platform.has) else {
            throw StepFailure("prove \(id)", cause: "an object is missing", remedy: "report this")
        }
    }
}
