import ClientKit
import StepKit

/// A file that an operator names with `-o`: it has its name only once it is whole.
struct OutputFile {
    private let attempt: String
    private let path: String
    private let mode: UInt16

    /// Names a file, and what writing it means, for errors.
    init(_ attempt: String, path: String, mode: UInt16 = 0o600) {
        self.attempt = "\(attempt) \(path)"
        self.path = path
        self.mode = mode
    }

    /// Writes what `content` writes in the place of what has the name.
    ///
    /// Blocks on the file: call it off the cooperative pool.
    func write(_ content: (WholeFile.Draft) throws -> Void) throws {
        do {
            try WholeFile.replace(path, mode: mode, by: content)
        } catch let failure as WholeFile.Failure {
            throw StepFailure(
                attempt, cause: "\(failure)",
                remedy: "check the folder's permissions and free space, or name another file with -o", kind: .failed)
        }
    }
}
