import ClientKit
import Testing

@Suite struct NumericAddressesTests {
    /// On a busy machine a thread for the look-up may start only after a short limit is over.
    @Test(arguments: ["127.0.0.1", "::1", "fe80::1%lo"])
    func anAddressNeedsNoTimeAtAll(address: String) throws {
        #expect(try numericAddresses(of: address, within: .seconds(-1)) == [address])
    }

    @Test func aNameIsLookedUp() throws {
        #expect(try numericAddresses(of: "localhost", within: .seconds(10)).contains("127.0.0.1"))
    }

    @Test func aNameWithoutAnAddressIsToldFromALimitThatIsOver() {
        // A label of 64 letters is refused by the resolver itself, without any query.
        let name = String(repeating: "a", count: 64)
        let missing = #expect(throws: LookUpFailure.self) { try numericAddresses(of: name, within: .seconds(10)) }
        guard case .noAddress = missing else {
            Issue.record("\(String(describing: missing))")
            return
        }
        #expect(throws: LookUpFailure.deadline(.seconds(-1))) { try numericAddresses(of: name, within: .seconds(-1)) }
    }

    @Test func aCancelledTaskDoesNotWaitForTheResolver() async {
        let task = Task { () -> LookUpFailure? in
            while !Task.isCancelled { await Task.yield() }
            do throws(LookUpFailure) {
                _ = try numericAddresses(of: "localhost", within: .seconds(60))
                return nil
            } catch {
                return error
            }
        }
        task.cancel()
        #expect(await task.value == .interrupted)
    }
}
