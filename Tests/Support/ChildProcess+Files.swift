public import Foundation
import Glibc

extension ChildProcess {
    /// A file without a name from which a process can read `bytes`: a pipe would end the tests with SIGPIPE where it reads
    /// only some of them.
    public static func file(with bytes: Data) throws -> FileHandle {
        let file = try makeFile()
        try file.write(contentsOf: bytes)
        try file.seek(toOffset: 0)
        return file
    }

    /// An empty file without a name, written at its end.
    static func makeFile() throws -> FileHandle {
        let path = "\(NSTemporaryDirectory())/stream-\(UUID())"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        unlink(path)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
