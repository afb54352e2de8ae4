import Foundation
import Glibc
import Testing

@testable import Journal

/// The local log, as a socket that reads what arrives.
@Suite(.timeLimit(.minutes(30))) struct SyslogTests {
    private let head = AuditHead(sequence: 7, hash: String(repeating: "a", count: 64))

    @Test func aHeadArrivesAsOneMessageOfRFC5424() throws {
        let path = "\(try Scratch().path)/log"
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0, "\(path): \(String(cString: strerror(errno)))")
        let run = try #require(RunID("20261126T120000Z-11-0a0b"))
        #expect(Syslog(path: path).send(head, of: run, origin: "install-01:/state") == nil)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(number, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        try #require(count > 0)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        let form = /<85>1 [-0-9]{10}T[:0-9]{8}\.[0-9]{3}Z \S+ keybuzz-runner [0-9]+ head \[head@32473 .*\] .*/
        #expect(text.wholeMatch(of: form) != nil, "\(text)")
        #expect(text.contains(#"run="\#(run)" seq="7" sha256="\#(head.hash)" origin="install-01:/state""#))
    }

    @Test func aMachineWithoutALogIsToldOf() throws {
        let path = "\(try Scratch().path)/none"
        let run = try #require(RunID("20261126T120000Z-11-0a0b"))
        #expect(
            Syslog(path: path).send(head, of: run, origin: "x") == "\(path): No such file or directory")
    }
}
