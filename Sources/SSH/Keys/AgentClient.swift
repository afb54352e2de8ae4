import ClientKit
import Glibc

/// Talks to an SSH agent over its Unix socket; blocks its thread, for a bounded time.
///
/// libssh2 has a client of its own, which waits forever and leaks its socket into child processes.
struct AgentClient: Sendable {
    /// Why the agent did not help.
    enum Failure: Error, Hashable {
        case noSocket
        case unreachable(String, Int32)
        case silent(TimeLimit)
        case refused
        case malformed
        case lacksKey

        /// The cause in words.
        var explanation: String {
            switch self {
            case .noSocket: "SSH_AUTH_SOCK is not set: there is no agent"
            case .unreachable(let path, let code): "the agent at \(path) does not respond: \(errnoText(code))"
            case .silent(let limit): "it gave no answer within \(limit.inWords)"
            case .refused: "it refused"
            case .malformed: "its answer is malformed"
            case .lacksKey: "it does not have the key"
            }
        }

        /// The error number, where this process or machine has run out of what is needed to ask it.
        var shortage: Int32? {
            guard case .unreachable(_, let code) = self, Errno(code: code).isShortage else { return nil }
            return code
        }
    }

    private enum Message {
        static let requestIdentities: UInt8 = 11
        static let identities: UInt8 = 12
        static let signRequest: UInt8 = 13
        static let signature: UInt8 = 14
    }

    let socketPath: String

    /// Uses the agent at `socketPath`, or the one that the environment names.
    init(socketPath: String?) throws(Failure) {
        guard let path = socketPath ?? getenv("SSH_AUTH_SOCK").map({ String(cString: $0) }), !path.isEmpty else {
            throw .noSocket
        }
        self.socketPath = path
    }

    /// The public keys whose private halves the agent holds.
    func identities(until deadline: Deadline) throws(Failure) -> [PublicKey] {
        var reader = try request([Message.requestIdentities], expecting: Message.identities, until: deadline)
        guard let count = reader.uint32() else { throw .malformed }
        var keys: [PublicKey] = []
        for _ in 0..<count {
            guard let blob = reader.string(), reader.string() != nil else { throw .malformed }
            keys.append(PublicKey(blob: blob))
        }
        return keys
    }

    /// The bare signature over a login request, without the name of its algorithm.
    func sign(_ data: [UInt8], with key: PublicKey, until deadline: Deadline) throws(Failure) -> [UInt8] {
        try sign(data, with: key, flags: Self.flags(for: data), until: deadline).bytes
    }

    /// The signature over any data; RSA with SHA-512.
    func signature(
        over data: [UInt8], with key: PublicKey, until deadline: Deadline
    ) throws(Failure) -> KeySignature {
        try sign(data, with: key, flags: Self.hashFlags["rsa-sha2-512"] ?? 0, until: deadline)
    }

    private func sign(
        _ data: [UInt8], with key: PublicKey, flags: UInt32, until deadline: Deadline
    ) throws(Failure) -> KeySignature {
        let message =
            [Message.signRequest] + WireReader.string(key.blob) + WireReader.string(data) + WireReader.uint32(flags)
        var reader = try request(message, expecting: Message.signature, until: deadline)
        guard let answer = reader.string(), let signature = KeySignature(wire: answer) else { throw .malformed }
        return signature
    }

    /// For RSA the agent must be told which hash: the one that the signed request itself names.
    private static func flags(for data: [UInt8]) -> UInt32 {
        var reader = WireReader(data)
        guard reader.string() != nil, reader.byte() != nil, reader.string() != nil, reader.string() != nil,
            reader.string() != nil, reader.byte() != nil, let algorithm = reader.text()
        else { return 0 }
        return hashFlags[algorithm] ?? 0
    }

    private static let hashFlags: [String: UInt32] = ["rsa-sha2-256": 2, "rsa-sha2-512": 4]

    private func request(
        _ message: [UInt8], expecting type: UInt8, until deadline: Deadline
    ) throws(Failure) -> WireReader {
        let descriptor = try connect(until: deadline)
        defer { Glibc.close(descriptor) }
        try transfer(WireReader.string(message), to: descriptor, until: deadline)
        var header = WireReader(try receive(4, from: descriptor, until: deadline))
        guard let count = header.uint32(), 1...(256 << 10) ~= count else { throw .malformed }
        var reader = WireReader(try receive(Int(count), from: descriptor, until: deadline))
        guard reader.byte() == type else { throw .refused }
        return reader
    }

    private func connect(until deadline: Deadline) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array(socketPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .unreachable(socketPath, ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let descriptor = DescriptorReserve.keeping(
            socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        guard descriptor >= 0 else { throw .unreachable(socketPath, errno) }
        do throws(Failure) {
            try wait(for: SO_SNDTIMEO, of: descriptor, until: deadline) {
                withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        Int(Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)))
                    }
                }
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    private func transfer(_ bytes: [UInt8], to descriptor: Int32, until deadline: Deadline) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            sent += try wait(for: SO_SNDTIMEO, of: descriptor, until: deadline) {
                bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }

    private func receive(_ count: Int, from descriptor: Int32, until deadline: Deadline) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let received = try wait(for: SO_RCVTIMEO, of: descriptor, until: deadline) {
                bytes.withUnsafeMutableBytes {
                    recv(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled, 0)
                }
            }
            guard received > 0 else { throw .unreachable(socketPath, ECONNRESET) }
            filled += received
        }
        return bytes
    }

    /// The result of `call`, which waits for as long as the socket's option `option` says.
    @discardableResult
    private func wait(
        for option: Int32, of descriptor: Int32, until deadline: Deadline, _ call: () -> Int
    ) throws(Failure) -> Int {
        while true {
            let left = ContinuousClock.now.duration(to: deadline.end)
            guard left > .zero else { throw .silent(deadline.limit) }
            // A time of zero would be none.
            let (seconds, attoseconds) = left.components
            var time = timeval(tv_sec: Int(seconds), tv_usec: max(1, Int(attoseconds / 1_000_000_000_000)))
            guard setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size)) == 0 else {
                throw .unreachable(socketPath, errno)
            }
            let result = call()
            if result >= 0 { return result }
            let code = errno
            guard code == EINTR || code == EAGAIN else { throw .unreachable(socketPath, code) }
        }
    }
}
