import Glibc

extension ArraySlice<UInt8> {
    /// Where the first newline is, found with the C library's search: outputs and logs have many megabytes.
    var firstNewline: Int? {
        withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base, 0x0a, buffer.count) else { return nil }
            return startIndex + (UnsafeRawPointer(found) - UnsafeRawPointer(base))
        }
    }

    /// Whether `text` is anywhere in it, found with the C library's search as well: lists have lines for each run there was.
    func holds(_ text: [UInt8]) -> Bool {
        guard let first = text.first else { return true }
        return withUnsafeBytes { bytes in
            var rest = bytes[...]
            while rest.count >= text.count {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                guard let base = part.baseAddress, let found = memchr(base, Int32(first), part.count - text.count + 1)
                else { return false }
                if memcmp(found, text, text.count) == 0 { return true }
                rest = rest.dropFirst(UnsafeRawPointer(found) - base + 1)
            }
            return false
        }
    }
}
