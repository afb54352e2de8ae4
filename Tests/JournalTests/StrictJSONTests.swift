import Foundation
import Testing

@testable import Journal

@Suite struct StrictJSONTests {
    @Test(arguments: [
        #"{}"#, #"{"a":1}"#, #" { "a" : [ 1 , -0.5e+3 , true , false , null , "x\n\"\\\/\u00e4\ud83d\udd11" ] } "#,
        #"{"a":{"a":{"a":[]}},"b":{"a":2}}"#, #"["ä","🔑",""]"#, #"{"":0,"aa":0}"#,
    ]) func wellFormedTextIsRead(text: String) throws {
        _ = try StrictJSON.members(of: Array(text.utf8)[...])
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
    }

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"x":{"b":1,"c":2,"b":1}}"#, #"[{"a/":1,"a\/":2}]"#,
    ]) func aKeyThatComesTwiceIsAFault(text: String) {
        let fault = #expect(throws: StrictJSON.Fault.self) { try StrictJSON.members(of: Array(text.utf8)[...]) }
        #expect(fault?.problem.contains("is duplicated") == true)
    }

    @Test(arguments: [
        "", "{", "}", "1", "\"a\"", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "{,}", "{\"a\":01}", "{\"a\":1.}",
        "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":tru}", "{\"a\":\"\n\"}", "{\"a\":\"\\x41\"}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\u12g4\"}", "{'a':1}",
        "{\"a\":1} x", "{\"a\":1}{}", "{\"a\":NaN}", "{a:1}", "{\"a\":\"x", "// c\n{}",
        String(repeating: "[", count: 65) + String(repeating: "]", count: 65),
    ]) func otherTextIsAFault(text: String) {
        #expect(throws: StrictJSON.Fault.self) { try StrictJSON.members(of: Array(text.utf8)[...]) }
    }

    @Test(
        arguments: [
            [0x80], [0xc0, 0xaf], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff],
            [0xf0, 0x80, 0x80, 0x80], [0xe2, 0x82],
        ] as [[UInt8]]) func whatIsNotUTF8IsAFault(bytes: [UInt8])
    {
        let text = Array(#"{"a":""#.utf8) + bytes + Array(#""}"#.utf8)
        #expect(throws: StrictJSON.Fault.self) { try StrictJSON.members(of: text[...]) }
    }

    @Test func manyKeysAreComparedQuickly() throws {
        let keys = (0..<200_000).map { "\"k\($0)\":0" }
        let text = "{\(keys.joined(separator: ","))}"
        _ = try StrictJSON.members(of: Array(text.utf8)[...])
        let again = "{\(keys.joined(separator: ",")),\"k77\":1}"
        #expect(throws: StrictJSON.Fault.self) { try StrictJSON.members(of: Array(again.utf8)[...]) }
    }

    @Test func membersAreFoundWhereTheyStand() throws {
        let object = try JSONObject(Array(#"xx{"a" : "b\u00e4\n", "n":12 ,"l":[1]}"#.utf8).dropFirst(2))
        #expect(object.text("a") == "bä\n")
        #expect(object.integer("n") == 12)
        #expect(object.value("l").map { String(decoding: $0, as: UTF8.self) } == "[1]")
        #expect(object.value("z") == nil)
    }
}
