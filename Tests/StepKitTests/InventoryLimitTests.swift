import Testing

@testable import StepKit

/// Limits of waits inside other waits: the inner one ends first, with the error that names what is
/// silent.
@Suite struct InventoryLimitTests {
    private func problems(_ limits: String) throws -> [InventoryProblem] {
        InventorySample.problems(
            in: try InventorySample.changed([("\"firewall\"", "\"limits\": {\(limits)},\n\"firewall\"")]))
    }

    @Test(arguments: ["connect", "service"], ["page", "rollout", "migration", "backup"])
    func anInnerLimitMustBeShorterThanAnOuterOne(_ inner: String, _ outer: String) throws {
        let problem = try #require(try problems("\"\(inner)\": 30, \"\(outer)\": 30").first)
        #expect(problem.path == "limits.\(inner)" && problem.line == 36)
        #expect(problem.message == "must be shorter than limits.\(outer) (30 s), not 30 s")
        #expect(try problems("\"\(inner)\": 30, \"\(outer)\": 31") == [])
    }

    @Test func anInterruptedCommandEndsWithinTheStop() throws {
        #expect(try problems("\"stop\": 31") == [])
        #expect(try problems("\"stop\": 30").map(\.message) == ["must be longer than limits.agent (30 s), not 30 s"])
        #expect(try problems("\"interrupt\": 60").map(\.path) == ["limits.interrupt"])
        #expect(try problems("\"interrupt\": 60, \"stop\": 61") == [])
        #expect(try problems("\"silence\": 4").map(\.path) == ["limits.silence"])
    }

    /// The page is asked for again and again, but the one that is under way is not cut off.
    @Test func allOfAProbeEndsWithinTheWaitForThePage() throws {
        #expect(try problems("\"probe\": 14") == [])
        let problem = try #require(try problems("\"probe\": 15").first)
        #expect(problem.path == "limits.probe")
        #expect(problem.message == "must be shorter than 1/4 of limits.page (60 s), not 15 s")
    }

    @Test func ofALimitAndADefaultTheWrittenOneIsReported() throws {
        let problem = try #require(try problems("\"page\": 15").first)
        #expect(problem.path == "limits.page")
        #expect(problem.message == "must be longer than limits.service (15 s), not 15 s")
        #expect(try problems("\"page\": 16") == [])
    }

    @Test func eachPairIsReportedInOneReading() throws {
        #expect(try problems("\"service\": 400").map(\.path) == ["limits.service", "limits.service"])
        #expect(try problems("\"page\": 9").map(\.path) == ["limits.page", "limits.page"])
    }

    /// One mistake, not two.
    @Test func aLimitOutOfItsRangeIsNotComparedToo() throws {
        #expect(try problems("\"page\": 0").map(\.path) == ["limits.page"])
        #expect(try problems("\"connect\": 90000").map(\.path) == ["limits.connect"])
    }

    /// One host is connected to, another answers: neither wait is inside the other.
    @Test func aConnectionMayTakeAsLongAsAnAnswer() throws {
        #expect(try problems("\"connect\": 20, \"service\": 20") == [])
    }

    /// A migration follows a rollout or comes before it; the wait for a host's lock comes on top of a
    /// command's own limit.
    @Test func waitsThatAreNotInsideEachOtherAreNotCompared() throws {
        #expect(try problems("\"rollout\": 3600, \"migration\": 20, \"page\": 1000, \"backup\": 30") == [])
        #expect(try problems("\"lock\": 3600, \"logins\": 1000") == [])
    }

    @Test func bothLimitsOfAnAnswerAreSaidOfAnOuterOneThatIsTooShort() throws {
        let found = try problems("\"backup\": 10")
        #expect(found.map(\.path) == ["limits.backup", "limits.backup"])
        #expect(
            found.map(\.message) == [
                "must be longer than limits.connect (10 s), not 10 s",
                "must be longer than limits.service (15 s), not 10 s",
            ])
    }

    /// A Lease's requests are bounded by its term, not by this.
    @Test func anAnswerMayTakeLongerThanTheTermOfTheLease() throws {
        #expect(try problems("\"service\": 120, \"page\": 121") == [])
    }
}
