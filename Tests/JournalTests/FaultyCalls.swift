import Foundation
import Testing

/// One file call of the helper, as the library in front of the C library's logs it.
struct FileCall: Equatable {
    let number: Int
    let name: String
    /// The file, without what differs from run to run.
    let file: String
    let isHit: Bool

    init(_ line: Substring, below folder: String) throws {
        let words = line.split(separator: " ").map(String.init)
        number = try #require(words.first.flatMap { Int($0) })
        name = words[1]
        file = String(words[2].dropFirst(folder.count)).replacing(/[0-9]{8}T[0-9]{6}Z-11-[0-9a-f]{4}/, with: "RUN")
            .replacing(/\.[0-9]+\.tmp/, with: ".N.tmp")
        isHit = words.count > 3
    }

    /// The same call of another run.
    var place: String { "\(number) \(name) \(file)" }
}

/// What becomes of a file call.
enum Fault: String {
    /// The process ends before it.
    case kill
    /// The process ends after it.
    case killed
    /// Only half of it is written.
    case short
    /// Only half of it is written, and the process ends.
    case torn
    /// It takes a while.
    case slow = "delay 300"
    case inputOutputError = "5"
    case noSpace = "28"
    case readOnly = "30"

    /// For the list of faults.
    var words: String {
        switch self {
        case .kill: "killed before a file call of the journal"
        case .killed: "killed after a file call of the journal"
        case .short: "a write of which the system takes half"
        case .torn: "killed within a write of the journal"
        case .slow: "a file call of the journal that takes 0.3 s"
        case .inputOutputError: "a file call of the journal fails: the disk reports an error (EIO)"
        case .noSpace: "a file call of the journal fails: the disk is full (ENOSPC)"
        case .readOnly: "a file call of the journal fails: the file system is read-only (EROFS)"
        }
    }

    /// The name of its error, where it is one.
    var errorName: String? {
        switch self {
        case .kill, .killed, .short, .torn, .slow: nil
        case .inputOutputError: "EIO"
        case .noSpace: "ENOSPC"
        case .readOnly: "EROFS"
        }
    }
}

/// Runs the helper on `state` in this mode; of its calls named `call`, the one of this number gets `fault`.
func runHelper(
    _ mode: String = "run", on state: String, _ fault: Fault? = nil, call: String = "", number: Int = 0
) throws -> (finished: Finished, calls: [FileCall]) {
    let log = "\(state).calls"
    try Data().write(to: URL(filePath: log))
    let library = URL(filePath: helper).deletingLastPathComponent().appending(path: "libFaultyCalls.so").path
    var environment = ["LD_PRELOAD": library, "FAULTY_FOLDER": state, "FAULTY_LOG": log]
    if let fault {
        environment["FAULTY_CALL"] = call
        environment["FAULTY_NUMBER"] = "\(number)"
        environment["FAULTY_FAULT"] = fault.rawValue
    }
    let finished = try runToEnd(helper, [mode, state], environment: environment)
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
    return (finished, try lines.map { try FileCall($0, below: state) })
}
