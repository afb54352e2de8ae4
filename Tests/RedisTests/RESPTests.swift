@testable import Redis
import Testing

@Suite struct RESPTests {
    private static let values: [(bytes: String, value: RESPValue)] = [
        ("+OK\r\n", .simple("OK")),
        ("-WRONGPASS no\r\n", .error("WRONGPASS no")),
        (":-12\r\n", .integer(-12)),
        ("$0\r\n\r\n", .bulk([])),
        ("$4\r\na\r\nb\r\n", .bulk(Array("a\r\nb".utf8))),
        ("$-1\r\n", .bulk(nil)),
        ("*-1\r\n", .array(nil)),
        ("*0\r\n", .array([])),
        (
            "*3\r\n*0\r\n*2\r\n:1\r\n$-1\r\n+x\r\n",
            .array([.array([]), .array([.integer(1), .bulk(nil)]), .simple("x")])
        ),
    ]

    @Test func valuesAreReadWhereverPacketsAreSplit() throws {
        for (bytes, value) in Self.values {
            var parser = RESPParser()
            for (index, byte) in bytes.utf8.enumerated() {
                parser.append([byte])
                let found = try parser.next()
                #expect(found == (index == bytes.utf8.count - 1 ? value : nil))
            }
            #expect(parser.isEmpty)
        }
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", "\u{15}\u{3}\u{1}", "$17000000\r\n", "$-2\r\n", "$1x\r\n", "*-5\r\n",
        "*99999999999999999999\r\n", "*1000000\r\n", "$3\r\nabcd\r\n", ":\r\n", "+a\rb",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "+" + String(repeating: "a", count: 70_000),
    ])
    func whatIsNoRedisIsRefused(bytes: String) {
        var parser = RESPParser()
        parser.append(bytes.utf8)
        #expect(throws: RESPViolation.self) { while try parser.next() != nil {} }
    }

    @Test func nestedArraysCannotAnnounceMoreThanTheLimitTogether() {
        var parser = RESPParser()
        parser.append("*2\r\n".utf8)
        parser.append(String(repeating: "*65535\r\n" + String(repeating: ":1\r\n", count: 65_535), count: 3).utf8)
        #expect(throws: RESPViolation.self) { while try parser.next() != nil {} }
    }
}
