// What `make bench` measures of the record: writes records as a run does, and nothing else of it.
//
//   RecordBench records STATE COUNT   seconds of each of so many records that are on the disk, and only written, as JSON
//   RecordBench log STATE BYTES       one run, whose log has at least so many bytes
//   RecordBench runs STATE COUNT      so many runs that found one step in place
import Foundation
import Glibc
import Journal

func fail(_ text: String) -> Never {
    let line = Array("RecordBench: \(text)\n".utf8)
    exit(write(STDERR_FILENO, line, line.count) == line.count ? 1 : 2)
}

let words = CommandLine.arguments
guard words.count == 4, let number = Int(words[3]) else { fail("one of records, log and runs, a folder, a number") }
do {
    let author = try Author(words[2])
    switch words[1] {
    case "records":
        let answer = try JSONEncoder().encode(try await author.records(number))
        try FileHandle.standardOutput.write(contentsOf: answer)
    case "log": try await author.log(ofBytes: number)
    case "runs": for _ in 0..<number { try await author.smallRun() }
    default: fail("it is records, log or runs")
    }
} catch {
    fail("\(error)")
}
