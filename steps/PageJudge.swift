import Foundation
import StepKit

/// Tells Chatwoot's answers from others, and what each other answer means.
enum PageJudge {
    /// What is wrong with an answer.
    struct Problem: Sendable, Hashable {
        let what: String
        let found: String
        let remedy: String
    }

    /// Judges `/api`, which tells its own version and the health of queue and database.
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
                what: "API", found: "HTTP 200 with a body that is not Chatwoot's",
                remedy: "something else serves this name: look for another Ingress or virtual host")
        }
        guard api.queue_services == "ok", api.data_services == "ok" else {
            return Problem(
                what: "API", found: "Chatwoot reports queue \(api.queue_services), data \(api.data_services)",
                remedy: "see that the pods reach PostgreSQL and Redis; the pod's log names the error")
        }
        return nil
    }

    /// Judges the page a person sees, redirects followed.
    static func page(_ answer: HTTPAnswer) -> Problem? {
        guard answer.status == 200, answer.curlCode == 0 else { return Problem(what: "page", answer) }
        guard answer.body.localizedCaseInsensitiveContains("chatwoot") else {
            return Problem(
                what: "page", found: "HTTP 200 with a page that is not Chatwoot's",
                remedy: "something else serves this name: look for another Ingress or virtual host")
        }
        return nil
    }
}

extension PageJudge.Problem {
    /// Explains an answer that is not 200.
    init(what: String, _ answer: HTTPAnswer) {
        let remedy =
            switch (answer.status, answer.curlCode) {
            // curl keeps the status of the last redirect.
            case (_, 47): "it redirects in a circle: FORCE_SSL or FRONTEND_URL does not fit the TLS in front"
            case (404, _):
                "no rule for the host yet: the controller syncs within seconds; else look at the Ingress and its class"
            case (502, _):
                "a pod refuses or breaks off: read its log; for 2-3 minutes after the controllers restarted this is normal"
            case (503, _): "the Service has no ready endpoint: look at the pods"
            case (504, _): "packets to the pods vanish (firewall, NetworkPolicy), or the application hangs"
            case (500, _): "the application fails: read the web pods' log"
            case (0, 28) where answer.didConnect: "it accepts the connection and does not answer: the application hangs"
            case (0, 28): "packets vanish on the way: look at the firewall of this node and of the pod's node"
            case (0, 7): "nothing listens there: is the ingress controller running on this node?"
            default: "fetch it by hand from this node with curl -v"
            }
        self.init(what: what, found: answer.words, remedy: remedy)
    }
}
