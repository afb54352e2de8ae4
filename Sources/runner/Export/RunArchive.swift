import ClientKit
import Foundation
import Journal
import StepKit

/// A run for an auditor: one archive with its files byte for byte, an explanation of them, and a
/// script that verifies them.
///
/// The same run always gives the same bytes: sorted names, one time, one owner.
struct RunArchive {
    let run: RunReader

    /// The name of the only folder in the archive.
    private var folder: String { "keybuzz-runner-\(run.id)" }

    /// The default name of the archive.
    var fileName: String { "\(folder).tar.gz" }

    /// Writes the archive to `path`, replacing an existing file only once it is complete.
    ///
    /// Nothing is put together elsewhere first: a process that is killed leaves no files but what the next export to
    /// `path` removes.
    func write(to path: String) throws {
        if let file = try run.firstFileWithHoles() {
            throw StepFailure(
                "export run \(run.id)", cause: "\(file) has holes, and no run leaves such a file",
                remedy: "find out who put it there: `runner audit verify \(run.id)`", kind: .failed)
        }
        let runs = URL(filePath: run.path).deletingLastPathComponent().path
        let arguments = [
            // A run that was killed may have left a file with two names, of which the first is no place in the archive.
            "--create", "--file=-", "--hard-dereference", "--format=posix", "--sort=name", "--mtime=@0", "--owner=0",
            "--group=0", "--numeric-owner", "--mode=u+rwX,go-rwx",
            "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
            "--transform=flags=r;s,^\(run.id),\(folder)/run,",
            "--directory=\(runs)", "\(run.id)",
        ]
        try OutputFile("write the archive", path: path).write { file in
            let joint = Pipe()
            // Without a name and a time of its own.
            let gzip = try Child(
                "gzip", ["-n"], from: joint.fileHandleForReading,
                to: FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false))
            try joint.fileHandleForReading.close()
            // What gzip says of a full disk counts, and not that nobody reads from the pipe then.
            let written = Result { () throws in
                try joint.fileHandleForWriting.write(contentsOf: Data(explanation))
                let tar = try Child("tar", arguments, from: .nullDevice, to: joint.fileHandleForWriting)
                return try tar.end()
            }
            try joint.fileHandleForWriting.close()
            try require("gzip", try gzip.end())
            try require("tar", try written.get())
        }
    }

    /// The folder, and what is in it beside the run.
    private var explanation: [UInt8] {
        let files = [
            ("README.md", PackageResources.README_export_md),
            ("audit.schema.json", PackageResources.audit_schema_json), ("verify.sh", PackageResources.verify_sh),
        ]
        return TarEntry(folder: folder).bytes
            + files.flatMap { name, content in TarEntry(file: "\(folder)/\(name)", content: content).bytes }
    }

    /// A program of the system that the archive goes through.
    private struct Child {
        let name: String
        private let process = Process()
        private let errors = Pipe()

        init(_ name: String, _ arguments: [String], from input: FileHandle, to output: FileHandle) throws {
            self.name = name
            process.executableURL = URL(filePath: "/bin/\(name)")
            process.arguments = arguments
            process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
            process.standardInput = input
            process.standardOutput = output
            process.standardError = errors
            do {
                try process.run()
            } catch {
                throw StepFailure(
                    "start /bin/\(name)", cause: error.localizedDescription, remedy: "install GNU tar and gzip",
                    kind: .failed)
            }
        }

        /// Waits for its end; why it failed, where it did.
        func end() throws -> String? {
            let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            process.waitUntilExit()
            guard process.terminationStatus != 0 || process.terminationReason != .exit else { return nil }
            return "exited with \(process.terminationStatus): \(text.trimmingCharacters(in: .newlines))"
        }
    }

    private func require(_ program: String, _ failure: String?) throws {
        if let failure { throw refusal("\(program) \(failure)", run.path) }
    }

    private func refusal(_ cause: String, _ subject: String) -> StepFailure {
        StepFailure(
            "export run \(run.id) (\(subject))", cause: cause,
            remedy: "check the free disk space and the folder's permissions, or name another file with -o",
            kind: .failed)
    }
}
