import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

@testable import StepKit

/// One command instead of several must give the same answers, and none once it is forgotten.
@Suite(.timeLimit(.minutes(15))) struct NodeSurveyTests {
    private func node(_ shell: any RemoteShell) -> NodeReader {
        NodeReader(name: "k8s-master-01", address: "127.0.0.1", shell: shell)
    }

    @Test func aSurveyAnswersWhatSeparateCommandsWould() async throws {
        let server = try await PythonServer.start(FetchTests.server)
        defer { withExtendedLifetime(server) {} }
        let probes = ["/lines", "/bare", "/down", "/empty"].map {
            HTTPProbe(url: "http://127.0.0.1:\(server.port)\($0)")
        }
        let plain = node(LocalShell())
        let (pages, missing, firewall) = (
            try await plain.fetch(probes), try await plain.missingPrograms(among: NodeSurvey.programs),
            try await plain.firewall()
        )

        let shell = LocalShell()
        let surveyed = node(shell)
        try await surveyed.makeSurvey(probes: probes)
        #expect(shell.commands.count == 1)
        #expect(shell.commands[0].effect == .read)
        #expect(try await surveyed.fetch(probes) == pages)
        #expect(try await surveyed.fetch([probes[2]]) == [pages[2]])
        #expect(try await surveyed.missingPrograms(among: NodeSurvey.programs) == missing)
        #expect(try await surveyed.firewall() == firewall)
        #expect(shell.commands.count == 1)

        await surveyed.survey.forget()
        #expect(try await surveyed.fetch(probes) == pages)
        #expect(try await surveyed.firewall() == firewall)
        #expect(shell.commands.count == 3)
    }

    @Test func aPageThatFailedIsAskedForAgain() async throws {
        let free = try await PythonServer.start(
            "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
        ).port
        let shell = LocalShell()
        let node = node(shell)
        let probe = HTTPProbe(url: "http://127.0.0.1:\(free)/")
        try await node.makeSurvey(probes: [probe])
        #expect(try await node.fetch([probe]).map(\.curlCode) == [7])
        #expect(shell.commands.count == 2)
    }

    /// A run that was killed may leave its last command running.
    @Test func aNodeWithACommandAtWorkIsWaitedFor() async throws {
        let lock = NSTemporaryDirectory() + "lock-\(UUID())"
        defer { unlink(lock) }
        for isThere in [false, true] {
            if isThere { #expect(FileManager.default.createFile(atPath: lock, contents: Data("\u{0}garbage".utf8))) }
            for isHeld in isThere ? [false, true] : [false] {
                let descriptor = open(lock, O_RDWR | O_CLOEXEC)
                defer { close(descriptor) }
                if isHeld { #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0) }
                let shell = LocalShell(lockFile: lock)
                let site = SiteSample.readable(
                    try InventorySample.parse(InventorySample.lab),
                    registry: .init(username: "u", token: Secret("unused")),
                    shell: shell, warn: { _ in })
                try await site.nodes[0].makeSurvey(probes: [])
                #expect(await site.nodes[0].survey.isLocked == isHeld)
                #expect(await site.nodes[0].survey.ufwStatus() != nil)
                try await site.awaitEarlierCommands()
                #expect(shell.commands.dropFirst().map(\.arguments) == (isHeld ? [["true"]] : []))
                #expect(shell.commands.dropFirst().allSatisfy { $0.isExclusive && $0.effect == .read })
            }
        }
    }

    /// Another run had the lease since the survey, which was forgotten for that, and may have left a command behind.
    @Test(arguments: [true, false]) func aNodeThatNobodyHasLookedAtIsLookedAt(_ isHeld: Bool) async throws {
        let lock = NSTemporaryDirectory() + "lock-\(UUID())"
        defer { unlink(lock) }
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let shell = LocalShell(lockFile: lock)
        let site = SiteSample.readable(
            try InventorySample.parse(InventorySample.lab),
            registry: .init(username: "u", token: Secret("unused")), shell: shell, warn: { _ in })
        try await site.nodes[0].makeSurvey(probes: [])
        if isHeld { #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0) }
        await site.nodes[0].survey.forget()
        try await site.awaitEarlierCommands()
        let waits = shell.commands.filter(\.isExclusive)
        #expect(waits.map(\.arguments) == (isHeld ? [["true"]] : []))
        #expect(shell.commands.count == (isHeld ? 3 : 2))
        #expect(shell.commands.allSatisfy { $0.effect == .read })
    }

    /// With its lock, which waits for what is at work there; also after what was read has been forgotten.
    @Test func eachNodeLearnsOnceThatEarlierRunsAreOver() async throws {
        let shell = LocalShell(lockFile: "/run/lock")
        let site = SiteSample.readable(
            try InventorySample.parse(InventorySample.lab),
            registry: .init(username: "u", token: Secret("unused")), shell: shell, warn: { _ in })
        for _ in 0..<2 {
            try await site.refuseEarlierRuns()
            await site.nodes[0].survey.forget()
        }
        #expect(shell.commands.map(\.arguments) == [["true"]])
        #expect(shell.commands.allSatisfy { $0.isExclusive && $0.effect == .read })
    }

    /// As of a host without UFW, and of one that cannot run the script.
    @Test func whatCannotBeTakenApartIsNoAnswer() async throws {
        for output in ["", "nonsense", "curl\n\nother firewall\nStatus: inactive\n\nother status 0\n"] {
            let node = node(CannedShell(0, output))
            try await node.makeSurvey(probes: [])
            #expect(await node.survey.ufwStatus() == nil)
            #expect(await node.survey.missingPrograms(among: ["curl"]) == nil)
        }
    }
}
