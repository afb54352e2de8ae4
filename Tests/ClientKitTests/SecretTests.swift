import ClientKit
import Testing

@Suite struct SecretTests {
    @Test func everyWayToPrintASecretShowsDotsOnly() {
        let secret = Secret("hunter2'\"$")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), String(describing: [secret]), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(secret)" == "•••")
        #expect(secret.reveal() == "hunter2'\"$")
    }
}
