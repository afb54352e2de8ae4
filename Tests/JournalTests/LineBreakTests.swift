import ClientKit
import Foundation
import Testing

@testable import Journal

@Suite struct LineBreakTests {
    /// Real breaks with an indentation, and as JSON and shells write them.
    @Test(arguments: ["\n", "\r\n", "\r\n \t ", "\n      ", #"\n"#, #"\r\n"#, #"\\r\\n"#, #"\n  "#])
    func base64MayBeBrokenBeforeEachDigit(lineBreak: String) {
        let redactor = Redactor([Secret("hunter22x")])
        let once = Data("hunter22x".utf8).base64EncodedString()
        for digits in [once, Data(once.utf8).base64EncodedString()] {
            for place in 1..<digits.count {
                let (first, second) = (digits.prefix(place), digits.dropFirst(place))
                #expect(redactor.redact("\(first)\(lineBreak)\(second)") == Redactor.mask, "at \(place)")
                let cut = Array("\(digits.dropLast())\(lineBreak)".utf8)
                #expect(redactor.redact(cut: cut) == Array(Redactor.mask.utf8))
            }
            let all = digits.map(String.init).joined(separator: lineBreak)
            #expect(redactor.redact(all) == Redactor.mask)
        }
    }
}
