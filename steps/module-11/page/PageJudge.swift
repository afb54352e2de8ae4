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
                remedy: "find the Ingress or virtual host that serves this name instead of Chatwoot")
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
                remedy: "find the Ingress or virtual host that serves this name instead of Chatwoot")
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
            case (_, 47):
                "make FORCE_SSL and FRONTEND_URL match the TLS in front of Chatwoot: it redirects in a loop"
            case (300..<400, _) where answer.redirectsToHTTPS:
                "set FORCE_SSL in chatwoot.environment, or remove it from the Deployment: it is on in the pods "
                    + "but not in the inventory, or something in between removes X-Forwarded-Proto"
            case (300..<400, _):
                "check FRONTEND_URL and the Ingress' annotations (permanent-redirect, auth-signin, app-root, "
                    + "from-to-www-redirect): something in front redirects"
            case (404, _):
                "check the Ingress and its class: the controller has no rule for the host "
                    + "(it needs seconds for a new one)"
            case (401, _), (403, _):
                "check the Ingress' annotations (auth-*, whitelist-*): something in front asks for a login "
                    + "or blocks this node"
            case (400, _):
                "check use-proxy-protocol and TLS on this port: the server there speaks another protocol"
            case (413, _), (429, _):
                "check the ingress controller's ConfigMap and the Ingress' annotations: a limit is exceeded"
            case (502, _):
                "read the web pods' log: one refuses or closes the connection "
                    + "(normal for 2-3 minutes after the ingress controllers restarted)"
            case (503, _): "check the pods: the Service has no ready endpoint"
            case (504, _):
                "check firewalls and NetworkPolicies between this node and the pods, and whether the "
                    + "application hangs"
            case (500, _): "read the web pods' log: the application fails"
            case (0, 28) where answer.didConnect:
                "check whether the application hangs: it accepts the connection but does not respond"
            case (0, 28):
                "check the firewall of this node and of the pod's node: packets are dropped on the way"
            case (0, 7):
                "check that the ingress controller is running on this node: nothing listens there"
            case (0, 52), (0, 56):
                "check what listens on this port: it closed the connection, because it ended or because it "
                    + "expects TLS or the PROXY protocol"
            default: "fetch it by hand from this node with curl -v"
            }
        self.init(what: what, found: answer.summary + answer.detour, remedy: remedy)
    }
}
