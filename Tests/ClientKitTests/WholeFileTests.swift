import ClientKit
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Files that others see only once they are whole.
@Suite struct WholeFileTests {
    private let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "whole-file-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func inFolder(_ work: (String) throws -> Void) throws {
        let result = Result { try work("\(folder)/page.html") }
        try FileManager.default.removeItem(atPath: folder)
        try result.get()
    }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// A killed writer holds no lock any more, and a living one does.
    @Test func theNextWriterRemovesWhatAKilledOneLeft() throws {
        try inFolder { path in
            let others = ["page.html.1.tmp", "page.html.a.2.tmp", "page.html.1.2.bak", "index.html.1.2.tmp"]
            for name in ["page.html.4711.1.tmp", "page.html.4711.2.tmp"] + others {
                try Data("half".utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            }
            let living = open("\(folder)/page.html.4711.2.tmp", O_WRONLY | O_CLOEXEC)
            try #require(living >= 0 && flock(living, LOCK_EX | LOCK_NB) == 0)
            try WholeFile.replace(path, with: Array("whole".utf8))
            #expect(try text(path) == "whole")
            #expect(try names == (["page.html", "page.html.4711.2.tmp"] + others).sorted())
            close(living)
            // A writer within the work of another does not take that one's file either.
            try WholeFile.replace(path) { outer in
                try outer.write(Array("outer".utf8))
                try WholeFile.replace(path, with: Array("inner".utf8))
                #expect(try text(path) == "inner")
            }
            #expect(try text(path) == "outer")
            #expect(try names == (["page.html"] + others).sorted())
        }
    }

    /// As root, `-o /dev/null` made a file of the device.
    @Test(arguments: [true, false]) func whatIsNoPlainFileIsNotReplaced(isLinked: Bool) throws {
        try inFolder { path in
            let thing = isLinked ? "\(folder)/pipe" : path
            try #require(mkfifo(thing, 0o600) == 0)
            if isLinked { try #require(symlink(thing, path) == 0) }
            let before = try names
            let refused = #expect(throws: WholeFile.Failure.self) { try WholeFile.replace(path, with: [1]) }
            #expect(refused?.description.contains("no plain file") == true)
            var facts = stat()
            #expect(stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFIFO)
            #expect(try names == before)
        }
    }

    @Test func whatFailsLeavesTheOldFileAndNothingElse() throws {
        try inFolder { path in
            try WholeFile.replace(path, with: Array("old".utf8), mode: 0o640)
            #expect(throws: CocoaError.self) {
                try WholeFile.replace(path) { file in
                    try file.write(Array("half".utf8))
                    throw CocoaError(.fileWriteUnknown)
                }
            }
            let taken = #expect(throws: WholeFile.Failure.self) {
                try WholeFile.replace(path, with: [1], isNew: true)
            }
            #expect(taken?.code == EEXIST)
            let missing = #expect(throws: WholeFile.Failure.self) {
                try WholeFile.replace("\(folder)/none/page.html", with: [1])
            }
            #expect(missing?.code == ENOENT)
            #expect(try text(path) == "old" && names == ["page.html"])
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
            #expect(mode as? Int == 0o640)
        }
    }

    @Test func aNameWithoutAFolderIsInTheWorkingDirectory() throws {
        let name = "whole-file-\(UUID().uuidString)"
        try WholeFile.replace(name, with: Array("here".utf8))
        #expect(try text(name) == "here")
        try FileManager.default.removeItem(atPath: name)
        try inFolder { _ in }
    }
}
