import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@testable import StepKit

@Suite struct CurlBatchTests {
    @Test func quotesForCurlsConfiguration() {
        #expect(CurlBatch.quoted(#"a"b\c"#) == #""a\"b\\c""#)
        #expect(CurlBatch.quoted("a\nb\rc\td") == #""a\nb\rc\td""#)
        #expect(CurlBatch.quoted("50% $HOME 'é' 中") == "\"50% $HOME 'é' 中\"")
    }

    @Test func hasASectionForEachProbe() {
        let batch = CurlBatch([
            HTTPProbe(url: "http://10.96.0.7:3000/api", hostHeader: "support.keybuzz.io"),
            HTTPProbe(url: "http://support.keybuzz.io/", connectTo: "10.0.0.110", followsRedirects: true),
        ])
        let sections = batch.configuration.components(separatedBy: "\nnext\n").map {
            $0.split(separator: "\n").map(String.init)
        }
        #expect(sections.count == 2)
        for section in sections {
            #expect(section.contains("noproxy = \"*\""))
            #expect(section.contains("connect-timeout = 2"))
            #expect(section.contains("max-time = 8"))
        }
        let slower = CurlBatch([HTTPProbe(url: "http://10.0.0.1/")], within: .seconds(3), total: .seconds(12))
            .configuration
        #expect(slower.contains("connect-timeout = 3\nmax-time = 12\n"))
        #expect(sections[0].contains("header = \"Host: support.keybuzz.io\""))
        #expect(!sections[0].contains { $0.hasPrefix("connect-to") || $0 == "location" })
        #expect(sections[1].contains("connect-to = \"::10.0.0.110:\""))
        #expect(sections[1].contains("location"))
        #expect(sections[1].contains("max-redirs = 5"))
        #expect(!sections[1].contains { $0.hasPrefix("header") })
    }

    @Test(arguments: [
        ["", "no newline"], ["one\n", "two\n\nlines\n"], ["\n", "\n\n"], ["CR\r", "\rCR"], ["é", "\u{301}combining"],
        ["probe- 200 0 0.1", "{\"a\": 1}"],
    ]) func takesBodiesApartAsTheyAre(_ bodies: [String]) throws {
        let batch = CurlBatch(bodies.map { HTTPProbe(url: "http://10.0.0.1/\($0.count)") })
        let output = bodies.map { "\($0)\n\(batch.marker) 200 0 0.000123 \n" }.joined()
        let answers = try #require(batch.answers(from: output))
        #expect(answers.map(\.body) == bodies)
        #expect(answers.map(\.probe) == batch.probes)
        #expect(answers.allSatisfy { $0.status == 200 && $0.curlCode == 0 && $0.didConnect && $0.curlMessage.isEmpty })
    }

    @Test func readsFailures() throws {
        let batch = CurlBatch([HTTPProbe(url: "http://10.0.0.1/"), HTTPProbe(url: "http://10.0.0.2/")])
        let answers = try #require(
            batch.answers(
                from: "\n\(batch.marker) 000 28 0.000000 Connection timed out after 3001 milliseconds\n"
                    + "gone\n\(batch.marker) 504 0 0.002 \n"))
        #expect(answers[0].status == 0)
        #expect(answers[0].curlCode == 28)
        #expect(answers[0].curlMessage == "Connection timed out after 3001 milliseconds")
        #expect(!answers[0].didConnect)
        #expect(answers[0].summary == "Connection timed out after 3001 milliseconds")
        #expect(answers[1].summary == "HTTP 504")
        #expect(answers[1].body == "gone")
    }

    @Test func aMissingAnswerIsNoAnswer() {
        let batch = CurlBatch([HTTPProbe(url: "http://10.0.0.1/"), HTTPProbe(url: "http://10.0.0.2/")])
        #expect(batch.answers(from: "") == nil)
        #expect(batch.answers(from: "one\n\(batch.marker) 200 0 0.1 \n") == nil)
        #expect(batch.answers(from: "one\n\(batch.marker) 200 0 0.1 \ntwo") == nil)
        #expect(batch.answers(from: "one\n\(batch.marker) 200 0 0.1 \ntwo\n\(batch.marker) curl\n") == nil)
        #expect(CurlBatch([]).answers(from: "anything") == [])
    }

    @Test func keepsNoMoreThan64KiBOfABody() throws {
        let batch = CurlBatch([HTTPProbe(url: "http://10.0.0.1/")])
        let body = String(repeating: "x", count: 70_000)
        #expect(
            try #require(batch.answers(from: "\(body)\n\(batch.marker) 200 0 0.1 \n")?.first).body.utf8.count == 65_536)
    }

    @Test func markersDiffer() {
        #expect(CurlBatch([]).marker != CurlBatch([]).marker)
    }
}

/// Real curl against a real server on the loopback interface.
@Suite(.timeLimit(.minutes(15))) struct FetchTests {
    static let server = """
        import http.server, socket, sys, time
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *a): pass
            def do_GET(self):
                body, status, headers = b"", 200, {}
                if self.path == "/lines": body = b"one\\ntwo\\n"
                elif self.path == "/bare": body = b"no newline"
                elif self.path == "/carriage": body = b"ends in\\r"
                elif self.path == "/host": body = self.headers["Host"].encode()
                elif self.path == "/down": body, status = b"out of order", 503
                elif self.path == "/circle": status, headers = 302, {"Location": "/circle"}
                elif self.path == "/moved": status, headers = 302, {"Location": "http://support.keybuzz.io/host"}
                elif self.path == "/broken": headers = {"Content-Length": "1000"}; body = b"chatwoot, cut off"
                elif self.path == "/reset":
                    self.connection.shutdown(socket.SHUT_RDWR); self.close_connection = True; return
                self.send_response(status)
                if "Content-Length" not in headers: headers["Content-Length"] = str(len(body))
                for name in headers: self.send_header(name, headers[name])
                self.end_headers()
                self.wfile.write(body)
                if self.path == "/broken": self.close_connection = True
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port)
        server.serve_forever()
        """

    private func fetch(_ probes: (String) -> [HTTPProbe]) async throws -> [HTTPAnswer] {
        let server = try await PythonServer.start(Self.server)
        defer { withExtendedLifetime(server) {} }
        let shell = LocalShell()
        let node = NodeReader(name: "k8s-master-01", address: "127.0.0.1", shell: shell)
        let answers = try await node.fetch(probes("http://127.0.0.1:\(server.port)"))
        #expect(shell.commands.map(\.arguments) == [["curl", "--config", "-"]])
        #expect(shell.commands.allSatisfy { $0.effect == .read })
        return answers
    }

    @Test func fetchesSeveralPagesWithOneProcess() async throws {
        let answers = try await fetch { base in
            ["/lines", "/bare", "/carriage", "/down", "/empty"].map { HTTPProbe(url: base + $0) }
        }
        #expect(answers.map(\.body) == ["one\ntwo\n", "no newline", "ends in\r", "out of order", ""])
        #expect(answers.map(\.status) == [200, 200, 200, 503, 200])
        #expect(answers.allSatisfy { $0.curlCode == 0 && $0.didConnect })
    }

    @Test func sendsTheHostAndConnectsWhereItIsTold() async throws {
        let answers = try await fetch { base in
            let port = base.split(separator: ":").last ?? ""
            return [
                HTTPProbe(url: "\(base)/host", hostHeader: "support.keybuzz.io"),
                HTTPProbe(url: "http://support.keybuzz.io:\(port)/host", connectTo: "127.0.0.1"),
                HTTPProbe(url: "\(base)/host"),
            ]
        }
        #expect(answers[0].body == "support.keybuzz.io")
        #expect(answers[1].body.hasPrefix("support.keybuzz.io:"))
        #expect(answers[2].body.hasPrefix("127.0.0.1:"))
    }

    @Test func followsRedirectsOnlyWhereAsked() async throws {
        let answers = try await fetch { base in
            [HTTPProbe(url: "\(base)/circle"), HTTPProbe(url: "\(base)/circle", followsRedirects: true)]
        }
        #expect(answers.map(\.status) == [302, 302])
        #expect(answers.map(\.curlCode) == [0, 47])
    }

    @Test func tellsApartHowConnectionsFail() async throws {
        let free = try await PythonServer.start(
            "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
        ).port
        let answers = try await fetch { base in
            [
                HTTPProbe(url: "http://127.0.0.1:\(free)/"), HTTPProbe(url: "\(base)/reset"),
                HTTPProbe(url: "\(base)/broken"),
                HTTPProbe(url: "\(base)/bare"),
            ]
        }
        #expect(answers.map(\.curlCode) == [7, 52, 18, 0])
        #expect(answers.map(\.status) == [0, 0, 200, 200])
        #expect(answers.map(\.didConnect) == [false, true, true, true])
        #expect(answers[0].summary.contains("Failed to connect"))
        #expect(answers[1].summary.contains("Empty reply"))
        // An answer that breaks off is more than its status.
        #expect(answers[2].summary.hasPrefix("HTTP 200"))
        #expect(answers[2].summary.contains(answers[2].curlMessage))
        #expect(answers[3].summary == "HTTP 200")
    }

    @Test func valuesWithQuotesArriveAsTheyAre() async throws {
        let host = #"a"b\c.example"#
        let answers = try await fetch { [HTTPProbe(url: "\($0)/host", hostHeader: host)] }
        #expect(answers.map(\.body) == [host])
    }

    @Test func nothingToFetchAsksNobody() async throws {
        let shell = LocalShell()
        #expect(try await NodeReader(name: "a", address: "b", shell: shell).fetch([]).isEmpty)
        #expect(shell.commands.isEmpty)
    }

    @Test func saysWhatIsWrongWithCurl() async throws {
        let probe = HTTPProbe(url: "http://10.0.0.1/")
        for (shell, word) in [
            (CannedShell(127), "not installed"), (CannedShell(2, errors: "curl: option: unknown"), "unknown"),
        ] {
            do {
                _ = try await NodeReader(name: "k8s-worker-01", address: "10.0.0.110", shell: shell).fetch([probe])
                Issue.record("it answered")
            } catch let error as StepFailure {
                #expect(error.cause.contains(word))
                #expect(error.host == "k8s-worker-01")
            }
        }
    }
}

@Suite struct NodeTests {
    @Test func readsTheFirewall() async throws {
        func node(_ shell: CannedShell) -> NodeReader {
            NodeReader(name: "k8s-worker-01", address: "b", shell: shell)
        }
        #expect(try await node(CannedShell(0, "Status: inactive\n")).firewall()?.isActive == false)
        #expect(try await node(CannedShell(127)).firewall() == nil)
        do {
            _ = try await node(CannedShell(77)).firewall()
            Issue.record("it had an answer")
        } catch let error as StepFailure {
            #expect(error.cause == "UFW is installed there, and only root can read or change it")
            #expect(error.remedy.contains("log in as root"))
        }
        for shell in [CannedShell(1, errors: "ERROR: not root"), CannedShell(0, "ERROR: not root")] {
            do {
                _ = try await node(shell).firewall()
                Issue.record("it had an answer")
            } catch let error as StepFailure {
                #expect(error.cause.contains("ERROR: not root"))
                #expect(error.host == "k8s-worker-01")
            }
        }
    }

    @Test func tellsWhichProgramsAreMissing() async throws {
        let node = NodeReader(name: "a", address: "b", shell: LocalShell())
        #expect(
            try await node.missingPrograms(among: ["sh", "no-such-program", "cat", "nor this; one"]) == [
                "no-such-program", "nor this; one",
            ])
    }

    @Test func aSearchThatWasKilledFoundNothingOut() async throws {
        let node = NodeReader(name: "k8s-worker-01", address: "b", shell: CannedShell(137, errors: "Killed"))
        let error = await #expect(throws: StepFailure.self) {
            try await node.missingPrograms(among: ["curl", "flock"])
        }
        #expect(error?.cause == "exit status 137: Killed")
    }

    @Test func aChangingCommandThatFailsIsAFailure() async throws {
        let shell = LocalShell()
        let node = NodeWriter(NodeReader(name: "k8s-worker-01", address: "b", shell: shell))
        try await node.run(["true"])
        do {
            try await node.run(["sh", "-c", "echo first; echo second >&2; echo third >&2; exit 3"])
            Issue.record("it passed")
        } catch let error as StepFailure {
            #expect(error.cause == "exit status 3: second third")
        }
        #expect(shell.commands.map(\.effect) == [.change, .change])
        #expect(shell.commands.allSatisfy { $0.environment == ["LC_ALL": "C"] })
    }
}
