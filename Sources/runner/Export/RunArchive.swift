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
    func write(to path: String) throws {
        let staging = NSTemporaryDirectory() + "keybuzz-export-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: "\(staging)/\(folder)", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let result = Result { try write(to: path, staging: staging) }
        try FileManager.default.removeItem(atPath: staging)
        try result.get()
    }

    private func write(to path: String, staging: String) throws {
        for (name, content) in [
            ("verify.sh", PackageResources.verify_sh), ("README.md", PackageResources.README_export_md),
            ("audit.schema.json", PackageResources.audit_schema_json),
        ] {
            try Data(content).write(to: URL(filePath: "\(staging)/\(folder)/\(name)"))
        }
        let runs = URL(filePath: run.path).deletingLastPathComponent().path
        let arguments = [
            "--create", "--gzip", "--file=-", "--format=posix", "--sort=name", "--mtime=@0", "--owner=0",
            "--group=0", "--numeric-owner", "--mode=u+rwX,go-rwx",
            "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
            "--transform=flags=r;s,^\(run.id),\(folder)/run,",
            "--directory=\(staging)", folder, "--directory=\(runs)", "\(run.id)",
        ]
        try OutputFile("write the archive", path: path).write { file in
            try tar(arguments, to: file)
        }
    }

    private func tar(_ arguments: [String], to file: WholeFile.Draft) throws {
        let process = Process()
        let errors = Pipe()
        process.executableURL = URL(filePath: "/bin/tar")
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C"]
        process.standardOutput = FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false)
        process.standardError = errors
        do {
            try process.run()
        } catch {
            throw refusal("GNU tar does not start: \(error.localizedDescription)", "/bin/tar")
        }
        let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw refusal(
                "tar exited with \(process.terminationStatus): \(text.trimmingCharacters(in: .newlines))", run.path)
        }
    }

    private func refusal(_ cause: String, _ subject: String) -> StepFailure {
        StepFailure(
            "export run \(run.id) (\(subject))", cause: cause,
            remedy: "check the free disk space and the folder's permissions, or name another file with -o",
            kind: .failed)
    }
}
