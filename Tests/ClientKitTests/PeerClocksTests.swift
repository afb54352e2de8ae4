import ClientKit
import Testing

struct PeerClocksTests {
    private let clocks = PeerClocks()
    private let start = ContinuousClock.now

    /// The end, a minute after its beginning, of a term that began so many seconds after the start.
    private func end(_ seconds: Int, of peer: String = "a") -> Double? {
        let began = start + .seconds(seconds)
        return clocks.end(of: Fence(module: 11, number: 1, began: began, end: began + .seconds(60)), at: peer)
    }

    /// Notes what was heard so many seconds after the start.
    private func note(_ text: String, _ seconds: Int) { clocks.note(text, of: "a", heard: start + .seconds(seconds)) }

    @Test func aClockGoesOnAndIsNeverAhead() throws {
        note("1000.25", 1)
        #expect(abs(try #require(end(1)) - 1060.25) < 0.001)
        #expect(abs(try #require(end(31)) - 1090.25) < 0.001)
        #expect(end(1, of: "b") == nil)
        // The answer took two seconds, so that the clock is further by now.
        note("1010", 13)
        #expect(abs(try #require(end(31)) - 1088) < 0.001)
    }

    /// Ten minutes there that were none here: this machine was paused, and what it thinks is in time is not.
    @Test func aLaterReadingThatIsFurtherAheadIsNotBelievedWithinTheTerm() throws {
        note("1000", 0)
        note("1605", 5)
        #expect(try #require(end(1)) < 1062)
        // Nor where nothing was heard before the term.
        #expect(try #require(end(-1)) < 1060)
        // A term that began since then is the API server's answer to a later question.
        #expect(abs(try #require(end(6)) - 1666) < 0.001)
    }

    /// As after a restart of the host.
    @Test func aClockThatBeginsAgainIsBelieved() throws {
        note("1000", 0)
        note("12", 30)
        #expect(try #require(end(1)) < 44)
        note("15", 33)
        #expect(abs(try #require(end(40)) - 82) < 0.001)
    }

    /// The earliest are joined, to what puts the clock least ahead.
    @Test func manyReadingsAreKeptAsOne() throws {
        note("1000", 0)
        note("1601", 1)
        for second in 2..<500 { note("\(1600 + second)", second) }
        #expect(try #require(end(0)) < 1061)
        #expect(abs(try #require(end(499)) - 2159) < 0.001)
    }

    @Test(arguments: ["", "late", "nan", "inf", "-inf", "1e300", "-1", "0x", "12 13"])
    func whatIsNoTimeIsLeftOut(_ text: String) {
        note(text, 0)
        #expect(end(1) == nil)
    }
}
