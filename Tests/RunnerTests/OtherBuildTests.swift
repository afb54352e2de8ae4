import Foundation
import Journal
import TestSupport
import Testing

/// A run that another build of the same version goes on with.
@Suite(.timeLimit(.minutes(20))) struct OtherBuildTests {
    @Test func whichBuildWentOnLastIsTold() async throws {
        let platform = try await SilentPlatform(limit: 1)
        let other = platform.folder.appending(path: "other").path
        // Bytes behind the program make it another file, and nothing else.
        let asOther =
            "cp \"$1\" '\(other)' && echo >> '\(other)' && shift && set -- '\(other)' \"$@\""
        let step = "11_ct_01_prepare_config"
        let begun = try platform.start(["run", "11", "--only", step])
        #expect(await begun.wait() == 69)
        let run = try #require(try platform.state.newestRun()).id.description
        var told: [String] = []
        for first in [nil, asOther, asOther, nil] {
            let resumed = try platform.start(["resume", run], after: first)
            #expect(await resumed.wait() == 69)
            told.append(try resumed.output)
        }
        #expect(!told[0].contains("another build"), "\(told[0])")
        #expect(told[1].contains("another build of runner 0.1.0 started the run"), "\(told[1])")
        #expect(!told[2].contains("went on"), "\(told[2])")
        #expect(told[3].contains("another build of runner 0.1.0 went on with the run last"), "\(told[3])")
        #expect(told.allSatisfy { !$0.contains("does not have the steps") }, "\(told)")
        #expect(try await platform.runner("audit", "verify").status == 0)
    }
}
