import ClientKit
import Foundation

/// A GET request for a node to make, which tests one hop between ingress and application.
public struct HTTPProbe: Sendable, Hashable {
    /// The URL; its host is an address unless ``connectTo`` is given, so that the probe does not
    /// depend on name resolution.
    public let url: String
    /// The `Host` header, if it differs from the URL's.
    public let hostHeader: String?
    /// The address to connect to instead of the URL's host, also after redirects to that host.
    public let connectTo: String?
    /// Whether redirects are followed, at most five.
    public let followsRedirects: Bool
    /// Whether it claims that the request came over HTTPS, as a load balancer that terminates TLS
    /// does.
    public let saysHTTPS: Bool

    /// Describes a probe; see the properties.
    public init(
        url: String, hostHeader: String? = nil, connectTo: String? = nil, followsRedirects: Bool = false,
        saysHTTPS: Bool = false
    ) {
        self.saysHTTPS = saysHTTPS
        self.url = url
        self.hostHeader = hostHeader
        self.connectTo = connectTo
        self.followsRedirects = followsRedirects
    }
}

/// The answer that a node got to an ``HTTPProbe``.
public struct HTTPAnswer: Sendable, Hashable {
    /// The probe.
    public let probe: HTTPProbe
    /// The HTTP status; 0 if there was no HTTP answer.
    public let status: Int
    /// The first 64 KiB of the body.
    public let body: String
    /// curl's exit code: 0 success, 7 refused, 28 timed out, 52 empty reply, 56 reset.
    public let curlCode: Int
    /// curl's message about a failure.
    public let curlMessage: String
    /// Whether the TCP connection was established.
    public let didConnect: Bool
    /// The last URL, after the redirects that were followed.
    public let finalURL: String
    /// The target of a redirect that was not followed; empty otherwise.
    public let redirectURL: String

    /// Describes an answer; see the properties.
    public init(
        probe: HTTPProbe, status: Int, body: String, curlCode: Int, curlMessage: String, didConnect: Bool,
        finalURL: String? = nil, redirectURL: String = ""
    ) {
        self.finalURL = finalURL ?? probe.url
        self.redirectURL = redirectURL
        self.probe = probe
        self.status = status
        self.body = body
        self.curlCode = curlCode
        self.curlMessage = curlMessage
        self.didConnect = didConnect
    }

    /// A summary of the answer: `HTTP 504`, curl's message if there is none, both if the answer is
    /// incomplete.
    public var summary: String {
        switch (status, curlCode) {
        case (0, _): curlMessage
        case (_, 0): "HTTP \(status)"
        default: "HTTP \(status), then \(curlMessage)"
        }
    }
}

/// Several probes made by one curl process: its configuration for stdin, and the answers on stdout.
struct CurlBatch {
    let probes: [HTTPProbe]
    /// How long a connection may take.
    let connection: TimeLimit
    /// How long one answer may take, the connection included.
    let total: TimeLimit
    /// Whether the remaining probes are skipped after one without a complete answer.
    let stopsAtFailure: Bool
    /// Separates the answers; random, so that no body can contain it.
    let marker: String

    init(
        _ probes: [HTTPProbe], within connection: TimeLimit = .seconds(2), total: TimeLimit = .seconds(8),
        stopsAtFailure: Bool = false
    ) {
        self.probes = probes
        self.stopsAtFailure = stopsAtFailure
        self.connection = connection
        self.total = total
        self.marker = "probe-\(UUID().uuidString)"
    }

    /// A configuration for `-K -` with a section for each probe.
    var configuration: String {
        let (connecting, whole) = (connection.duration.components.seconds, total.duration.components.seconds)
        return (stopsAtFailure ? "fail-early\n" : "")
            + probes.map { probe in
                var lines = [
                    "url = \(Self.quoted(probe.url))",
                    "connect-timeout = \(connecting)",
                    "max-time = \(whole)",
                    "max-filesize = 4194304",
                    "proto = \"=http,https\"",
                    "noproxy = \"*\"",
                    "silent",
                    "write-out = "
                        + Self.quoted(
                            "\n\(marker) %{http_code} %{exitcode} %{time_connect} %{errormsg}\t%{url_effective}\t%{redirect_url}\n"
                        ),
                ]
                if let address = probe.connectTo { lines.append("connect-to = \(Self.quoted("::\(address):"))") }
                // Over HTTPS, an ingress controller often serves a self-signed certificate on a
                // node; only the page matters here.
                if probe.followsRedirects { lines += ["location", "max-redirs = 5", "insecure"] }
                if probe.saysHTTPS { lines.append("header = \"X-Forwarded-Proto: https\"") }
                if let host = probe.hostHeader { lines.append("header = \(Self.quoted("Host: \(host)"))") }
                return lines.joined(separator: "\n")
            }.joined(separator: "\nnext\n") + "\n"
    }

    /// Parses the answers; `nil` unless there is one for each probe, or for each up to the first
    /// failure.
    func answers(from output: String) -> [HTTPAnswer]? {
        var answers: [HTTPAnswer] = []
        var rest = output[...]
        for probe in probes {
            if stopsAtFailure, let last = answers.last, last.curlCode != 0 { break }
            guard let mark = rest.range(of: "\n\(marker) ") else { return nil }
            let body = rest[..<mark.lowerBound]
            let end = rest[mark.upperBound...].firstIndex(of: "\n") ?? rest.endIndex
            let parts = rest[mark.upperBound..<end].split(separator: "\t", omittingEmptySubsequences: false)
            let fields = (parts.first ?? "").split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            guard fields.count >= 3, let status = Int(fields[0]), let code = Int(fields[1]),
                let connected = Double(fields[2])
            else { return nil }
            answers.append(
                HTTPAnswer(
                    probe: probe, status: status, body: String(body.prefix(65_536)), curlCode: code,
                    curlMessage: fields.count == 4 ? String(fields[3]) : "",
                    // A reused connection took no time.
                    didConnect: connected > 0 || status != 0,
                    finalURL: parts.count > 1 ? String(parts[1]) : nil,
                    redirectURL: parts.count > 2 ? String(parts[2]) : ""))
            rest = rest[(end < rest.endIndex ? rest.index(after: end) : end)...]
        }
        return answers
    }

    /// A value, quoted as in curl's configuration files.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text {
            switch character {
            case "\\": quoted += "\\\\"
            case "\"": quoted += "\\\""
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default: quoted.append(character)
            }
        }
        return quoted + "\""
    }
}
