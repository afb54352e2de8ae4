import Dispatch
import Foundation

/// Why a name gave no address.
public enum LookUpFailure: Error, Sendable, Hashable {
    /// The name has none; in the system's words.
    case noAddress(String)
    /// No name server answered within this limit.
    case deadline(TimeLimit)
    /// The task was cancelled.
    case interrupted

    /// What came back.
    public var cause: String {
        switch self {
        case .noAddress(let words): "the host's name has no address: \(words)"
        case .deadline(let limit): "no name server answered for the host's name within \(limit.inWords)"
        case .interrupted: "interrupted while connecting"
        }
    }

    /// What to do next.
    public var remedy: String {
        switch self {
        case .noAddress: "correct the host in the inventory, or fix name resolution on this machine"
        case .deadline: "check the name servers in /etc/resolv.conf of this machine, or write the host's address"
        case .interrupted: "resume when ready"
        }
    }

    /// Determines the runner's exit status.
    public var kind: FailureKind { self == .interrupted ? .failed : .unreachable }
}

/// The numeric addresses of `name`, at least one, in the order that the system prefers.
///
/// `getaddrinfo` cannot be interrupted, so it runs on a thread of its own, which is abandoned after `limit`: on a
/// thread that others share, a silent name server would delay their work too.
public func numericAddresses(
    of name: String, within limit: TimeLimit
) throws(LookUpFailure) -> [String] {
    // An address is not looked up, so that it is never late on a busy machine.
    if case .success(let found) = lookUp(name, flags: AI_NUMERICHOST) { return found }
    let deadline = ContinuousClock.now + limit.duration
    let result = Locked<Result<[String], LookUpFailure>?>(nil)
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
        let found = lookUp(name, flags: 0)
        result.withLock { $0 = found }
        done.signal()
    }
    while true {
        if Task.isCancelled { throw .interrupted }
        let left = deadline - .now
        guard left > .zero else { throw .deadline(limit) }
        // A blocked thread cannot be notified of a cancellation.
        _ = done.wait(timeout: .now() + min(left, .milliseconds(100)) / .seconds(1))
        if let found = result.withLock({ $0 }) { return try found.get() }
    }
}

private func lookUp(_ name: String, flags: Int32) -> Result<[String], LookUpFailure> {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_protocol = Int32(IPPROTO_TCP)
    hints.ai_flags = flags
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(name, nil, &hints, &list)
    guard code == 0 else { return .failure(.noAddress(String(cString: gai_strerror(code)))) }
    defer { freeaddrinfo(list) }
    var addresses: [String] = []
    var next = list
    while let entry = next?.pointee {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = getnameinfo(
            entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        if status == 0 {
            let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !addresses.contains(address) { addresses.append(address) }
        }
        next = entry.ai_next
    }
    return addresses.isEmpty ? .failure(.noAddress("no IPv4 or IPv6 address")) : .success(addresses)
}
