import Testing

@testable import SSH

@Suite struct HeartbeatTests {
    private let start = ContinuousClock.now
    private var heartbeat: Heartbeat

    init() {
        heartbeat = Heartbeat(interval: .seconds(10), silence: .seconds(30), at: start)
    }

    private func action(at seconds: Int, isListening: Bool = true) -> Heartbeat.Action {
        heartbeat.action(at: start + .seconds(seconds), isListening: isListening)
    }

    @Test func aQuietServerIsAskedOnceAnInterval() {
        var heartbeat = heartbeat
        #expect(action(at: 9) == .wait)
        #expect(heartbeat.next(isListening: true) == start + .seconds(10))
        #expect(action(at: 10) == .ask)
        heartbeat.noteAsked(at: start + .seconds(10))
        #expect(heartbeat.action(at: start + .seconds(19), isListening: true) == .wait)
        #expect(heartbeat.action(at: start + .seconds(20), isListening: true) == .ask)
    }

    @Test func whatArrivesIsASignOfLife() {
        var heartbeat = heartbeat
        heartbeat.noteAsked(at: start + .seconds(10))
        heartbeat.noteReceived(at: start + .seconds(11))
        #expect(heartbeat.action(at: start + .seconds(20), isListening: true) == .wait)
        #expect(heartbeat.action(at: start + .seconds(21), isListening: true) == .ask)
        // What came before the question is no answer to it.
        heartbeat.noteAsked(at: start + .seconds(21))
        heartbeat.noteReceived(at: start + .seconds(20))
        #expect(
            heartbeat.action(at: start + .seconds(41), isListening: true)
                == .giveUp(silentFor: .seconds(21)))
    }

    @Test func silenceCountsFromTheFirstUnansweredQuestion() {
        var heartbeat = heartbeat
        for second in [10, 20] { heartbeat.noteAsked(at: start + .seconds(second)) }
        #expect(heartbeat.action(at: start + .seconds(29), isListening: true) == .wait)
        #expect(heartbeat.next(isListening: true) == start + .seconds(30))
        #expect(
            heartbeat.action(at: start + .seconds(30), isListening: true) == .giveUp(silentFor: .seconds(30)))
    }

    /// A process that was stopped has asked nothing meanwhile.
    @Test func whoWasStoppedAsksFirst() {
        #expect(action(at: 3600) == .ask)
    }

    @Test func whoDoesNotListenGivesNobodyUp() {
        var heartbeat = heartbeat
        heartbeat.noteAsked(at: start + .seconds(10))
        #expect(heartbeat.action(at: start + .seconds(90), isListening: false) == .ask)
        #expect(heartbeat.next(isListening: false) == start + .seconds(20))
    }

    /// libssh2 goes by the time of day: set back, it would ask nothing until that has caught up.
    @Test func aKeepaliveIsSentWheneverItIsWanted() throws {
        let session = try #require(Session(transport: Transport(socket: -1)))
        for _ in 0..<3 {
            let before = session.transport.outgoing.count
            session.sendKeepalive()
            #expect(session.transport.outgoing.count > before)
        }
    }
}
