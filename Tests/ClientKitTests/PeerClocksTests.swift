import ClientKit
import Testing

struct PeerClocksTests {
    @Test func aClockGoesOnAndIsNeverAhead() throws {
        let clocks = PeerClocks()
        let before = ContinuousClock.now
        clocks.note("1000.25", of: "a")
        let after = ContinuousClock.now
        let reading = try #require(clocks.reading(of: "a", at: before + .seconds(60)))
        #expect(reading <= 1060.25)
        #expect(try #require(clocks.reading(of: "a", at: after + .seconds(60))) >= 1060.24)
        #expect(clocks.reading(of: "b", at: before) == nil)
    }

    /// Ten minutes there that were none here: this machine was paused, and what it thinks is in time is not.
    @Test func aLaterReadingThatIsFurtherAheadIsNotBelieved() throws {
        let clocks = PeerClocks()
        clocks.note("1000", of: "a")
        let end = ContinuousClock.now + .seconds(60)
        clocks.note("1600", of: "a")
        #expect(try #require(clocks.reading(of: "a", at: end)) < 1061)
        // As after a restart of the host.
        clocks.note("12", of: "a")
        #expect(try #require(clocks.reading(of: "a", at: end)) < 73)
    }

    @Test(arguments: ["", "late", "nan", "inf", "-inf", "1e300", "-1", "0x", "12 13"]) func whatIsNoTimeIsLeftOut(
        _ text: String
    ) {
        let clocks = PeerClocks()
        clocks.note(text, of: "a")
        #expect(clocks.reading(of: "a", at: .now) == nil)
    }
}
