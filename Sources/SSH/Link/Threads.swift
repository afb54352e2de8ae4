import ClientKit
import CLibSSH2
import Glibc

/// Starts a thread for `body`, or throws where the system has none left.
func startThread(_ label: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // Jobs of actors and look-ups run here, which use no deep recursion; there may be a look-up for each of hundreds of hosts.
    pthread_attr_setstacksize(&attributes, 1 << 20)
    let reference = Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, &attributes,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, reference.toOpaque())
    guard code == 0 else {
        reference.release()
        throw Errno(code: code)
    }
    // At most 15 bytes, and for debuggers only.
    pthread_setname_np(thread, String(label.utf8.prefix(15)) ?? "")
}

extension EventLoop {
    /// Runs `work`, which blocks, on a thread of its own, and returns its result.
    ///
    /// Work that cannot be interrupted is abandoned at the deadline, or when the task is cancelled.
    func runBlocking<Value: Sendable>(
        until deadline: Deadline, isolation: isolated any Actor, _ work: @escaping @Sendable () -> Value
    ) async throws(LinkFailure) -> Value {
        let wait = Wait()
        let result = Locked<Value?>(nil)
        do {
            try startThread("ssh look-up") {
                let value = work()
                result.withLock { $0 = value }
                wait.end()
            }
        } catch {
            throw .socket(error.code)
        }
        let end = await self.wait(wait, until: deadline.end, isolation: isolation)
        if let value = result.withLock({ $0 }) { return value }
        throw end == .timedOut ? .timedOut(deadline.limit) : .cancelled
    }
}
