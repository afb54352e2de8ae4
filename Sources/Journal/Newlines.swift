import Glibc

extension ArraySlice<UInt8> {
    /// Where the first newline is, found with the C library's search: outputs and logs have many megabytes.
    var firstNewline: Int? {
        withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base, 0x0a, buffer.count) else { return nil }
            return startIndex + (UnsafeRawPointer(found) - UnsafeRawPointer(base))
        }
    }
}
