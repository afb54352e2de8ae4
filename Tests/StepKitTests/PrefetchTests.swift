import Testing

@testable import StepKit

@Suite struct PrefetchTests {
    @Test func aValueIsKeptByItsTypeUntilTheFirstChange() async {
        let prefetch = Prefetch()
        #expect(await prefetch.value(Int.self) == nil)
        await prefetch.remember(42)
        await prefetch.remember("words")
        #expect(await prefetch.value(Int.self) == 42)
        #expect(await prefetch.value(String.self) == "words")
        await prefetch.forget()
        #expect(await prefetch.value(Int.self) == nil)
        // What was being read while the change began may be older than it.
        await prefetch.remember(41)
        #expect(await prefetch.value(Int.self) == nil)
    }
}
