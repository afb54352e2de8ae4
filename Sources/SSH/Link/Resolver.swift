import Glibc

/// Looking up the addresses of a host, without waiting longer than wanted for a name server.
enum Resolver {
    /// Why there is no connection.
    enum Failure: Error {
        /// The system has none, in its words.
        case notFound(String)
        /// The look-up did not finish.
        case lookUp(LinkFailure)
        /// There are some, but no connection to them.
        case link(LinkFailure)
    }

    /// The addresses of `host`, best first, as the system orders them.
    static func addresses(
        of host: String, port: UInt16, on loop: EventLoop, until deadline: Deadline,
        isolation: isolated any Actor
    ) async throws(Failure) -> [TCPSocket.Address] {
        // What is an address already needs no thread.
        if case .success(let found) = lookUp(host, port: port, flags: AI_NUMERICHOST) { return found }
        do {
            try DescriptorReserve.requireMore()
        } catch {
            throw .lookUp(.socket(error.code))
        }
        let result: Result<[TCPSocket.Address], Failure>
        do {
            // `getaddrinfo` cannot be interrupted, and waits for a silent name server as resolv.conf says.
            result = try await loop.runBlocking(until: deadline, isolation: isolation) {
                lookUp(host, port: port, flags: 0)
            }
        } catch {
            throw .lookUp(error)
        }
        return try result.get()
    }

    private static func lookUp(
        _ host: String, port: UInt16, flags: Int32
    ) -> Result<[TCPSocket.Address], Failure> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | flags
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            if code == EAI_SYSTEM { return .failure(.lookUp(.socket(errno))) }
            return .failure(.notFound(String(cString: gai_strerror(code))))
        }
        defer { freeaddrinfo(list) }
        let entries = sequence(first: list, next: { $0?.pointee.ai_next })
        return .success(entries.compactMap { $0.map { TCPSocket.Address($0.pointee) } })
    }
}
