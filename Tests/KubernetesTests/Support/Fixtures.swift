import Foundation
import Kubernetes
import Testing

/// The JSON files beside the tests.
enum Fixtures {
    static func url(_ path: String) throws -> URL {
        try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(path)")
    }

    static func json(_ path: String) throws -> JSONValue {
        try JSONValue(parsing: [UInt8](Data(contentsOf: url(path))))
    }

    /// The names of the files in a folder, without `.json`.
    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(folder).path)
            .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }
}
