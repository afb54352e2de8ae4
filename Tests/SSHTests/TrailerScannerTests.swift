import Testing

@testable import SSH

@Suite struct TrailerScannerTests {
    private let nonce = "abcabd"

    private func scan(_ text: String, chunk: Int) -> (output: String, payload: String?) {
        var scanner = TrailerScanner(nonce: nonce)
        var output: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            output += scanner.feed(Array(bytes[start..<min(start + chunk, bytes.count)]))
        }
        output += scanner.finish()
        return (String(decoding: output, as: UTF8.self), scanner.payload)
    }

    @Test(arguments: 1...12) func findsTheTrailerHoweverItIsCut(_ chunk: Int) {
        for output in ["", "x", "line\n", "abcab", "abcabc", "abcabcabc", "abcab\nabcab"] {
            let (before, payload) = scan(output + "abcabd 7\n", chunk: chunk)
            #expect(before == output)
            #expect(payload == "7")
        }
    }

    @Test(arguments: 1...12) func withoutATrailerEverythingIsOutput(_ chunk: Int) {
        let (output, payload) = scan("some abcabcab", chunk: chunk)
        #expect(output == "some abcabcab")
        #expect(payload == nil)
    }

    @Test func aTrailerWithoutItsNewlineIsNotWhole() {
        #expect(scan("out abcabd 0", chunk: 3).payload == nil)
    }

    @Test func whatFollowsTheTrailerIsDropped() {
        let (output, payload) = scan("out abcabd 3\nmore", chunk: 100)
        #expect(output == "out ")
        #expect(payload == "3")
    }
}
