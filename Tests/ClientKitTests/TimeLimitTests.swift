import ClientKit
import Testing

@Suite struct TimeLimitTests {
    private let limit = TimeLimit(.seconds(15), key: "limits.service")

    @Test func theWordsNameTheKeyThatSetsIt() {
        #expect(limit.inWords == "15 s (limits.service)")
        #expect(limit.remedy == "raise limits.service in the inventory")
    }

    @Test func theWordsOfALimitMadeFromAnotherNameWhatItWasMadeFrom() {
        #expect((limit * 2 + .seconds(30)).inWords == "60 s (limits.service is 15 s)")
        #expect((limit * 2 + .seconds(30)).remedy == limit.remedy)
    }

    @Test func whatTheProgramSetsNamesNoKey() {
        #expect(TimeLimit.seconds(4).inWords == "4 s")
        #expect(TimeLimit.milliseconds(300).inWords == "0.3 s")
        #expect(TimeLimit.seconds(4).remedy == nil)
    }

    /// Where the bound is what counts, raising the key would change nothing.
    @Test func aBoundThatIsShorterNamesNoKey() {
        #expect(limit.atMost(.seconds(4)) == .seconds(4))
        #expect(limit.atMost(.seconds(15)) == limit)
    }
}
