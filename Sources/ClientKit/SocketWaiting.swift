import Dispatch
import Foundation
import Synchronization

/// Why waiting for a socket ended.
public enum Readiness: Sendable {
    /// The event is there.
    case ready
    /// The deadline came first.
    case deadline
    /// The task was cancelled.
    case interrupted
}

/// Waits until one of the poll `events` is there on `descriptor`, blocking the calling thread.
///
/// Cancellation of the current task is looked at ten times a second: a blocked thread has no other way to hear of it.
public func waitForSocket(
    _ descriptor: Int32, events: Int32, until deadline: ContinuousClock.Instant
) -> Readiness {
    while true {
        if Task.isCancelled { return .interrupted }
        let left = deadline - .now
        guard left > .zero else { return .deadline }
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let milliseconds = min(left, .milliseconds(100)) / .milliseconds(1)
        let count = poll(&entry, 1, Int32(milliseconds.rounded(.up)))
        // A failure other than EINTR is left to the call on the socket that follows, which puts it into words.
        if count > 0 || (count < 0 && errno != EINTR) { return .ready }
    }
}

/// The numeric addresses of `name`, none when it has none or the resolver does not answer in time.
///
/// `getaddrinfo` cannot be interrupted, so it runs on a thread of its own, which is left to itself after the deadline.
public func numericAddresses(of name: String, until deadline: ContinuousClock.Instant) -> [String] {
    let found = Found()
    DispatchQueue.global().async {
        found.addresses.withLock { $0 = lookUp(name) }
        found.done.signal()
    }
    let seconds = max(.zero, deadline - .now) / .seconds(1)
    guard found.done.wait(timeout: .now() + seconds) == .success else { return [] }
    return found.addresses.withLock { $0 }
}

private final class Found: Sendable {
    let addresses = Mutex<[String]>([])
    let done = DispatchSemaphore(value: 0)
}

private func lookUp(_ name: String) -> [String] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_protocol = Int32(IPPROTO_TCP)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
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
    return addresses
}
