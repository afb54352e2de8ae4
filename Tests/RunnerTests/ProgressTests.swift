import StepKit
import Testing

@testable import RunnerCommands

@Suite struct ProgressTests {
    @Test func withoutATerminalALineIsPrintedWhenWhatIsWaitedForChanges() {
        var plain = PlainProgress()
        let said: [Reporter.Progress] = [
            .init("verifying"), .init("Deployment chatwoot-web: 0 of 2 ready", left: .seconds(300)),
            .init("Deployment chatwoot-web: 0 of 2 ready", left: .seconds(299)),
            .init("Deployment chatwoot-web: 1 of 2 ready", left: .seconds(298)),
            .init("Deployment chatwoot-web: 1 of 2 ready", left: .seconds(297)),
        ]
        #expect(
            said.compactMap { plain.line(for: $0) } == [
                "    … verifying", "    … Deployment chatwoot-web: 0 of 2 ready, 300 s left",
                "    … Deployment chatwoot-web: 1 of 2 ready, 298 s left",
            ])
    }
}
