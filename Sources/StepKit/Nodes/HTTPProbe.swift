import Foundation

/// A GET that a node is asked to make, to prove a link of the chain between ingress and application.
public struct HTTPProbe: Sendable, Hashable {
    /// The URL; its host is an address, or ``connectTo`` is given: the probe does not depend on name resolution.
    public let url: String
    /// The `Host` header, if it differs from the URL's.
    public let hostHeader: String?
    /// The address to connect to instead of the URL's host, also after redirects to that host.
    public let connectTo: String?
    /// Whether redirects are followed, five at most.
    public let followsRedirects: Bool
    /// Whether it says, as a load balancer that ends TLS does, that the request came by https.
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

/// What one node got for one ``HTTPProbe``.
public struct HTTPAnswer: Sendable, Hashable {
    /// The probe.
    public let probe: HTTPProbe
    /// The status, 0 where no HTTP answer came.
    public let status: Int
    /// The body, at most 64 KiB of it.
    public let body: String
    /// curl's exit code: 0 fine, 7 refused, 28 timed out, 52 empty reply, 56 reset.
    public let curlCode: Int
    /// curl's own words for a failure.
    public let curlMessage: String
    /// Whether the TCP connection came about.
    public let didConnect: Bool
    /// The URL that was asked for last, after the redirects that were followed.
    public let finalURL: String
    /// Where the answer redirects to, where that was not followed; else empty.
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

    /// The answer in a few words: `HTTP 504`, curl's message if there is none, both if the answer was cut off.
    public var words: String {
        switch (status, curlCode) {
        case (0, _): curlMessage
        case (_, 0): "HTTP \(status)"
        default: "HTTP \(status), then \(curlMessage)"
        }
    }
}

/// The conversation with one curl process that makes several probes: its configuration on stdin, its answers on stdout.
struct CurlBatch {
    let probes: [HTTPProbe]
    let connectTimeout: Int
    let totalTimeout: Int
    /// Whether the probes after one that got no whole answer are left out.
    let stopsAtFailure: Bool
    /// Separates the answers; random, so that no body can hold it.
    let marker: String

    init(_ probes: [HTTPProbe], connectTimeout: Int = 2, totalTimeout: Int = 8, stopsAtFailure: Bool = false) {
        self.probes = probes
        self.stopsAtFailure = stopsAtFailure
        self.connectTimeout = connectTimeout
        self.totalTimeout = totalTimeout
        self.marker = "probe-\(UUID().uuidString)"
    }

    /// One `-K -` configuration with a section for each probe.
    var configuration: String {
        (stopsAtFailure ? "fail-early\n" : "")
            + probes.map { probe in
                var lines = [
                    "url = \(Self.quoted(probe.url))",
                    "connect-timeout = \(connectTimeout)",
                    "max-time = \(totalTimeout)",
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
                // By https a node's controller often answers with a certificate of its own making; what counts is the page.
                if probe.followsRedirects { lines += ["location", "max-redirs = 5", "insecure"] }
                if probe.saysHTTPS { lines.append("header = \"X-Forwarded-Proto: https\"") }
                if let host = probe.hostHeader { lines.append("header = \(Self.quoted("Host: \(host)"))") }
                return lines.joined(separator: "\n")
            }.joined(separator: "\nnext\n") + "\n"
    }

    /// Takes the answers apart; `nil` where there are not as many as probes, or as were made up to the first failure.
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
                    // A connection that was there already took no time.
                    didConnect: connected > 0 || status != 0,
                    finalURL: parts.count > 1 ? String(parts[1]) : nil,
                    redirectURL: parts.count > 2 ? String(parts[2]) : ""))
            rest = rest[(end < rest.endIndex ? rest.index(after: end) : end)...]
        }
        return answers
    }

    /// A value as curl's configuration files quote it.
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
