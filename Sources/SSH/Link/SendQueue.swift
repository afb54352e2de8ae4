/// Bytes on their way to a socket.
///
/// libssh2's send callback puts whole packets in and always succeeds, so that no packet is ever half-sent inside libssh2:
/// in 1.10 any other call on the session then fails, in 1.11 it stalls.
struct SendQueue {
    /// Above this many bytes nothing more should be put in, other than what libssh2 itself must send.
    static let highWater = 256 << 10

    private var bytes: [UInt8] = []
    private var sent = 0

    /// How many bytes wait.
    var count: Int { bytes.count - sent }
    /// Whether nothing waits.
    var isEmpty: Bool { count == 0 }

    /// Adds bytes at the end.
    mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    /// Offers what waits to `write`, which returns how many bytes it took, until it takes less than all or none is left.
    mutating func drain(_ write: (UnsafeRawBufferPointer) -> Int) {
        while !isEmpty {
            let taken = bytes.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            guard taken > 0 else { break }
            sent += taken
        }
        if isEmpty {
            // Hundreds of quiet sessions hold little.
            bytes.removeAll(keepingCapacity: bytes.capacity <= 4096)
            sent = 0
        } else if sent > Self.highWater {
            bytes.removeSubrange(..<sent)
            sent = 0
        }
    }
}
