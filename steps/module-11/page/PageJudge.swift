import Foundation
import StepKit

/// Distinguishes Chatwoot's answers from others, and explains those.
enum PageJudge {
    /// What is wrong with an answer.
    struct Problem: Sendable, Hashable {
        let what: String
        let found: String
        let remedy: String
    }

    /// Checks the answer of `/api`, which reports the version and the health of queue and database.
    static func api(_ answer: HTTPAnswer) -> Problem? {
        guard answer.status == 200, answer.curlCode == 0 else { return Problem(what: "API", answer) }
        struct API: Decodable {
            let version: String
            let queue_services: String
            let data_services: String
        }
        let api: API
        do {
            api = try JSONDecoder().decode(API.self, from: Data(answer.body.utf8))
        } catch {
            return Problem(
                what: "API", found: "HTTP 200 with a body that is not Chatwoot's\(answer.detour)",
                remedy: "something else serves this name: look for another Ingress or virtual host")
        }
        guard api.queue_services == "ok", api.data_services == "ok" else {
            return Problem(
                what: "API", found: "Chatwoot reports queue \(api.queue_services), data \(api.data_services)",
                remedy: "check that the pods can reach PostgreSQL and Redis; the pod's log has the error")
        }
        return nil
    }

    /// Checks the page that people see, after redirects.
    static func page(_ answer: HTTPAnswer) -> Problem? {
        guard answer.status == 200, answer.curlCode == 0 else { return Problem(what: "page", answer) }
        guard answer.body.localizedCaseInsensitiveContains("chatwoot") else {
            return Problem(
                what: "page", found: "HTTP 200 with a page that is not Chatwoot's\(answer.detour)",
                remedy: "something else serves this name: look for another Ingress or virtual host")
        }
        return nil
    }
}

extension HTTPAnswer {
    /// The target of a redirect, if it is another host or scheme than the requested one.
    private var target: URLComponents? {
        let end = URLComponents(string: redirectURL.isEmpty ? finalURL : redirectURL)
        let asked = URLComponents(string: probe.url)
        guard let end, let host = end.host, host != (probe.hostHeader ?? asked?.host) || end.scheme != asked?.scheme
        else { return nil }
        return end
    }

    /// Whether it redirects to the same host over HTTPS, as FORCE_SSL and an Ingress with TLS do.
    var redirectsToHTTPS: Bool {
        target.map { $0.scheme == "https" && $0.host == (probe.hostHeader ?? URLComponents(string: probe.url)?.host) }
            ?? false
    }

    /// Whether it redirects to the same host over HTTPS although nothing on this node speaks TLS,
    /// which is then terminated in front of the node.
    var endsAtHTTPS: Bool {
        redirectsToHTTPS && (300..<400).contains(status) && [7, 28, 35, 52, 56].contains(curlCode)
    }

    /// `, redirected to https://login.example.com/`; empty if it was not redirected.
    var detour: String {
        target.map { ", redirected to \($0.scheme ?? "")://\($0.host ?? "")\($0.path)" } ?? ""
    }
}

extension PageJudge.Problem {
    /// Explains an answer that is not 200.
    init(what: String, _ answer: HTTPAnswer) {
        let remedy =
            switch (answer.status, answer.curlCode) {
            // curl keeps the status of the last redirect.
            case (_, 47): "it redirects in a loop: FORCE_SSL or FRONTEND_URL does not match the TLS in front of it"
            case (300..<400, _) where answer.redirectsToHTTPS:
                "FORCE_SSL is on in the pods and not in the inventory, or something in between removes X-Forwarded-Proto: "
                    + "set FORCE_SSL in chatwoot.environment, or remove it from the Deployment"
            case (300..<400, _):
                "something in front redirects: check FRONTEND_URL and the Ingress' annotations (permanent-redirect, auth-signin, "
                    + "app-root, from-to-www-redirect)"
            case (404, _):
                "no rule for the host yet: the controller syncs within seconds; otherwise check the Ingress and its class"
            case (401, _), (403, _):
                "something in front asks for a login or blocks this node: check the Ingress' annotations (auth-*, whitelist-*)"
            case (400, _):
                "the server on this port speaks another protocol: TLS, or PROXY protocol (use-proxy-protocol)"
            case (413, _), (429, _):
                "a limit of the ingress controller: check its ConfigMap and the Ingress' annotations"
            case (502, _):
                "a pod refuses or closes the connection: read its log; for 2-3 minutes after the controllers restarted this is normal"
            case (503, _): "the Service has no ready endpoint: check the pods"
            case (504, _): "packets to the pods are dropped (firewall, NetworkPolicy), or the application hangs"
            case (500, _): "the application fails: read the web pods' log"
            case (0, 28) where answer.didConnect:
                "it accepts the connection but does not respond: the application hangs"
            case (0, 28): "packets are dropped on the way: check the firewall of this node and of the pod's node"
            case (0, 7): "nothing listens there: check that the ingress controller is running on this node"
            case (0, 52), (0, 56):
                "it accepts the connection and closes it: the program behind it ended, or speaks TLS or PROXY protocol on this port"
            default: "fetch it by hand from this node with curl -v"
            }
        self.init(what: what, found: answer.words + answer.detour, remedy: remedy)
    }
}
