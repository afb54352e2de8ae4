import ClientKit

extension RedisConnection {
    /// Asks for the server's clock, by which it refuses changes that come too late.
    func learnClock() async throws(RedisError) {
        do throws(RedisError) {
            guard case .array(let parts?) = try await run(Command(["TIME"], .read)),
                case .bulk(let seconds?)? = parts.first
            else { return }
            clocks.note(String(decoding: seconds, as: UTF8.self), of: clockName)
        } catch {
            // Who is refused goes without; a server that is gone is an error here, too.
            guard error.code != nil else { throw error }
        }
    }

    private var clockName: String { "Redis \(endpoint.place)" }

    /// The same change, which the server does only before the time at which another run may make changes.
    func withinTerm(_ command: Command) -> Command {
        guard command.effect == .change, let fence = observer.fence,
            let end = clocks.end(of: fence, at: clockName)
        else { return command }
        return command.before(Int(end.rounded(.down)))
    }
}
