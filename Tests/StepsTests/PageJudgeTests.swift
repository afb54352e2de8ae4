import StepKit
import Testing

@testable import Steps

@Suite struct PageJudgeTests {
    private static let healthy =
        #"{"version":"3.12.0","timestamp":"2026-11-24 09:00:00","queue_services":"ok","data_services":"ok"}"#

    private static func answer(
        _ status: Int, _ body: String = "", curl: Int = 0, _ message: String = "", didConnect: Bool = true,
        finalURL: String? = nil, redirectURL: String = ""
    ) -> HTTPAnswer {
        HTTPAnswer(
            probe: HTTPProbe(url: "http://support.keybuzz.io/api"), status: status, body: body, curlCode: curl,
            curlMessage: message, didConnect: didConnect, finalURL: finalURL, redirectURL: redirectURL)
    }

    @Test func aHealthyAPIIsNoProblem() {
        #expect(PageJudge.api(Self.answer(200, Self.healthy)) == nil)
    }

    @Test(arguments: ["queue_services", "data_services"]) func anAPIThatReportsTroubleIsOne(_ service: String) throws {
        let body = Self.healthy.replacing("\"\(service)\":\"ok\"", with: "\"\(service)\":\"failing\"")
        let problem = try #require(PageJudge.api(Self.answer(200, body)))
        #expect(problem.found.contains("\(service == "queue_services" ? "queue" : "data") failing"))
        #expect(problem.remedy.contains("PostgreSQL and Redis"))
    }

    @Test(arguments: [
        "", "<html>It works!</html>", "{}", #"{"version":"3.12.0"}"#, #"{"version":1,"queue_services":"ok"}"#,
    ])
    func anAPIOfSomethingElseIsNotChatwoots(_ body: String) throws {
        let problem = try #require(PageJudge.api(Self.answer(200, body)))
        #expect(problem.what == "API")
        #expect(problem.found.contains("not Chatwoot's"))
        #expect(problem.remedy.contains("serves this name"))
    }

    @Test func aPageIsChatwootsByItsMark() throws {
        #expect(PageJudge.page(Self.answer(200, "<title>Chatwoot</title>")) == nil)
        #expect(PageJudge.page(Self.answer(200, "window.chatwootConfig = {}")) == nil)
        let problem = try #require(PageJudge.page(Self.answer(200, "<h1>Welcome to nginx!</h1>")))
        #expect(problem.what == "page")
        #expect(problem.found.contains("not Chatwoot's"))
    }

    @Test(arguments: [
        (404, "no rule for the host"), (502, "refuses or closes the connection"), (503, "no ready endpoint"),
        (504, "firewalls"),
        (500, "application fails"), (418, "by hand"), (301, "redirects"), (308, "redirects"), (401, "login"),
        (400, "another protocol"), (413, "limit"),
    ]) func explainsEachStatus(_ status: Int, _ word: String) throws {
        for problem in [
            try #require(PageJudge.api(Self.answer(status, Self.healthy))),
            try #require(PageJudge.page(Self.answer(status, "Chatwoot"))),
        ] {
            #expect(problem.found == "HTTP \(status)")
            #expect(problem.remedy.contains(word))
        }
    }

    @Test(arguments: [
        (28, false, "firewall"), (28, true, "hangs"), (7, false, "nothing listens"),
        (52, true, "closed the connection"), (56, true, "closed the connection"), (18, true, "by hand"),
    ]) func explainsEachWayNotToAnswer(_ code: Int, _ didConnect: Bool, _ word: String) throws {
        let problem = try #require(
            PageJudge.api(Self.answer(0, curl: code, "curl's own words", didConnect: didConnect)))
        #expect(problem.found == "curl's own words")
        #expect(problem.remedy.contains(word))
    }

    /// curl keeps the status of the last redirect when it gives up: 302, not 0.
    @Test func aCircleOfRedirectsIsNamed() throws {
        let problem = try #require(PageJudge.page(Self.answer(302, curl: 47, "Maximum (5) redirects followed")))
        #expect(problem.remedy.contains("FORCE_SSL"))
        #expect(problem.found.contains("Maximum (5) redirects followed"))
    }

    /// 301 of FORCE_SSL, 308 of an Ingress with TLS: to the same host, where the load balancer in front speaks TLS.
    @Test(arguments: [301, 308]) func aRedirectToOurOwnHTTPSIsToldFromOthers(_ status: Int) throws {
        let own = Self.answer(status, redirectURL: "https://support.keybuzz.io/api")
        #expect(own.redirectsToHTTPS && !own.endsAtHTTPS)
        let problem = try #require(PageJudge.api(own))
        #expect(problem.found == "HTTP \(status), redirected to https://support.keybuzz.io/api")
        #expect(problem.remedy.contains("FORCE_SSL"))
        let unserved = Self.answer(status, curl: 7, "refused", finalURL: "https://support.keybuzz.io/api")
        #expect(unserved.endsAtHTTPS)
        let elsewhere = try #require(
            PageJudge.page(Self.answer(status, redirectURL: "https://login.example.com/oauth2/start?rd=x")))
        #expect(elsewhere.found.hasSuffix("redirected to https://login.example.com/oauth2/start"))
        #expect(elsewhere.remedy.contains("auth-signin"))
        #expect(!Self.answer(status, curl: 7, finalURL: "https://login.example.com/").endsAtHTTPS)
    }

    @Test func aRedirectWithinThePageIsNone() {
        let own = Self.answer(200, Self.healthy, finalURL: "http://support.keybuzz.io/installation/onboarding")
        #expect(!own.redirectsToHTTPS && own.detour.isEmpty)
        let secure = Self.answer(200, Self.healthy, finalURL: "https://support.keybuzz.io/api")
        #expect(PageJudge.api(secure) == nil && !secure.endsAtHTTPS)
    }

    @Test func anAnswerThatBreaksOffIsNone() throws {
        let cut = Self.answer(
            200, "<title>Chatwoot</title>", curl: 18, "transfer closed with 905 bytes remaining to read")
        #expect(try #require(PageJudge.page(cut)).found.contains("transfer closed"))
        let api = Self.answer(200, Self.healthy, curl: 28, "Operation timed out")
        #expect(try #require(PageJudge.api(api)).found.contains("timed out"))
    }
}
