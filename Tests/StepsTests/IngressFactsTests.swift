import Foundation
import Kubernetes
import StepKit
import Testing

@testable import Steps

/// One symptom at the ingress, and the cause that the cluster's objects show for it.
@Suite struct IngressFactsTests {
    private static let now = Date(timeIntervalSince1970: 1_764_111_600)

    private static func ago(_ seconds: TimeInterval) -> String { (now - seconds).formatted(.iso8601) }

    /// Chatwoot's Ingress as it is to be, with `change` made to it.
    private static func ingress(
        name: String = "chatwoot-ingress", namespace: String = "chatwoot", class: String = "nginx",
        host: String = "support.keybuzz.io", service: String = "chatwoot-web", port: Int = 3000,
        annotations: [String: String] = [:]
    ) throws -> JSONValue {
        try parsed([
            "kind": "Ingress",
            "metadata": ["name": name, "namespace": namespace, "annotations": annotations],
            "spec": [
                "ingressClassName": `class`,
                "rules": [
                    [
                        "host": host,
                        "http": [
                            "paths": [["backend": ["service": ["name": service, "port": ["number": port]]]]]
                        ],
                    ]
                ],
            ],
        ])
    }

    private static func parsed(_ object: [String: Any]) throws -> JSONValue {
        try JSONValue(parsing: [UInt8](JSONSerialization.data(withJSONObject: object)))
    }

    /// A controller as the platform's own manifest makes it: `app: ingress-nginx`, hostNetwork, the port 80.
    private static func controller(
        node: String = "k8s-worker-01", labels: [String: String] = ["app": "ingress-nginx"],
        created: TimeInterval = 90_000,
        started: TimeInterval? = 90_000, waiting: String? = nil, ready: Bool = true, hostNetwork: Bool = true,
        image: String = "registry.k8s.io/ingress-nginx/controller:v1.9.5", port: Int = 80, phase: String = "Running"
    ) throws -> JSONValue {
        let state: [String: Any] =
            waiting.map { ["waiting": ["reason": $0]] }
            ?? ["running": ["startedAt": ago(started ?? 0)]]
        return try parsed([
            "kind": "Pod",
            "metadata": [
                "name": "ingress-nginx-controller-\(node)", "namespace": "ingress-nginx", "labels": labels,
                "creationTimestamp": ago(created),
            ],
            "spec": [
                "nodeName": node, "hostNetwork": hostNetwork,
                "containers": [["name": "controller", "image": image, "ports": [["containerPort": port]]]],
            ],
            "status": [
                "phase": phase,
                "containerStatuses": started == nil && waiting == nil ? [] : [["ready": ready, "state": state]],
            ],
        ])
    }

    private static func facts(
        ingress: JSONValue?, others: [JSONValue] = [], classes: [String] = ["nginx"], controllers: [JSONValue] = []
    ) -> IngressFacts {
        IngressFacts(
            node: "k8s-worker-01", domain: "support.keybuzz.io", ingressClass: "nginx", ingress: ingress,
            ingresses: (ingress.map { [$0] } ?? []) + others, classes: classes,
            controllers: controllers.compactMap(IngressController.init), now: now)
    }

    private static func answer(_ status: Int, curl: Int = 0) -> HTTPAnswer {
        HTTPAnswer(
            probe: HTTPProbe(url: "http://support.keybuzz.io/api", connectTo: "10.0.0.110"), status: status, body: "",
            curlCode: curl, curlMessage: "", didConnect: status != 0)
    }

    @Test func aMissingOrDriftedIngressIsNamedBeforeTheControllers() throws {
        let young = try [Self.controller(started: 5)]
        func words(_ ingress: JSONValue?, _ status: Int) -> String? {
            Self.facts(ingress: ingress, controllers: young).cause(of: Self.answer(status))?.summary
        }
        #expect(words(nil, 404) == ": there is no Ingress chatwoot-ingress")
        #expect(try words(Self.ingress(class: "other"), 404)?.contains("has class other, and nginx serves") == true)
        #expect(try words(Self.ingress(host: "old.keybuzz.io"), 404)?.contains("has a rule for old.keybuzz.io") == true)
        #expect(try words(Self.ingress(service: "web"), 503)?.contains("sends to Service web, port 3000") == true)
        #expect(try words(Self.ingress(port: 80), 502)?.contains("sends to Service chatwoot-web, port 80") == true)
        for ingress in try [nil, Self.ingress(class: "other"), Self.ingress(host: "x")] {
            let cause = try #require(Self.facts(ingress: ingress).cause(of: Self.answer(404)))
            #expect(cause.isFinal && cause.remedy.text(forModule: 11).contains("--from 11_ct_02_deploy_chatwoot"))
        }
    }

    @Test(arguments: [404, 502, 503, 504]) func aControllerThatStartedJustNowIsWaitedFor(_ status: Int) throws {
        let cause = try #require(
            Self.facts(ingress: Self.ingress(), controllers: [Self.controller(started: 20)]).cause(
                of: Self.answer(status)))
        #expect(cause.passes && cause.summary.contains("ingress controllers restarted at "))
        let old = try Self.facts(ingress: Self.ingress(), controllers: [Self.controller(started: 181)])
        #expect(old.cause(of: Self.answer(status))?.passes != true)
    }

    /// A restart makes a container young and leaves its pod as old as it was.
    @Test func theContainersStartCountsAndNotThePodsAge() throws {
        let restarted = try #require(IngressController(pod: Self.controller(created: 90_000, started: 4)))
        #expect(restarted.runsSince.map { Self.now.timeIntervalSince($0) } == 4)
        #expect(restarted.trouble == nil)
        let crashing = try #require(IngressController(pod: Self.controller(waiting: "CrashLoopBackOff", ready: false)))
        #expect(crashing.runsSince == nil && crashing.trouble == "CrashLoopBackOff")
        let fresh = try Self.facts(
            ingress: Self.ingress(), controllers: [Self.controller(waiting: "ContainerCreating", ready: false)])
        #expect(fresh.cause(of: Self.answer(502))?.passes == true)
    }

    @Test func aControllerIsKnownByWhatItIs() throws {
        func isOne(_ pod: JSONValue) -> Bool { IngressController(pod: pod) != nil }
        #expect(try isOne(Self.controller()))
        #expect(try isOne(Self.controller(labels: ["app.kubernetes.io/name": "ingress-nginx"], hostNetwork: false)))
        #expect(try isOne(Self.controller(labels: [:], image: "keybuzz/proxy:1", port: 80)))
        #expect(
            try isOne(Self.controller(labels: [:], hostNetwork: false, image: "10.0.0.1:5000/nginx/nginx-ingress:3.4")))
        #expect(try !isOne(Self.controller(labels: [:], hostNetwork: false, image: "nginx:1.25")))
        #expect(try !isOne(Self.controller(labels: ["app": "web"], image: "keybuzz/proxy:1", port: 8080)))
        #expect(try !isOne(Self.controller(phase: "Succeeded")))
        #expect(
            try !isOne(
                Self.controller(
                    labels: [:], hostNetwork: false, image: "registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1")))
    }

    @Test func whereNothingListensTheControllerOfThatNodeIsNamed() throws {
        let elsewhere = try Self.facts(ingress: Self.ingress(), controllers: [Self.controller(node: "k8s-worker-02")])
        let absent = try #require(elsewhere.cause(of: Self.answer(0, curl: 7)))
        #expect(absent.summary == "; no ingress controller is running on k8s-worker-01, only on k8s-worker-02")
        let crashing = try Self.facts(
            ingress: Self.ingress(), controllers: [Self.controller(waiting: "CrashLoopBackOff", ready: false)])
        let ill = try #require(crashing.cause(of: Self.answer(0, curl: 7)))
        #expect(
            ill.summary.contains(
                "ingress-nginx/ingress-nginx-controller-k8s-worker-01 is not serving: CrashLoopBackOff"))
        let unknown = try Self.facts(ingress: Self.ingress()).cause(of: Self.answer(0, curl: 7))
        #expect(unknown?.summary == "; nothing listens on port 80 of k8s-worker-01")
    }

    @Test func otherCausesAreNamedFromTheObjects() throws {
        let other = try Self.facts(
            ingress: Self.ingress(), others: [Self.ingress(name: "helpdesk", namespace: "old")])
        #expect(
            other.cause(of: Self.answer(200))?.summary == ": Ingress old/helpdesk also has the host support.keybuzz.io")
        #expect(try Self.facts(ingress: Self.ingress()).cause(of: Self.answer(200)) == nil)
        let login = try Self.facts(
            ingress: Self.ingress(annotations: ["nginx.ingress.kubernetes.io/auth-url": "https://sso"]))
        #expect(login.cause(of: Self.answer(401))?.summary.contains("nginx.ingress.kubernetes.io/auth-url") == true)
        #expect(
            try Self.facts(ingress: Self.ingress()).cause(of: Self.answer(400))?.remedy
                .text(forModule: 11).contains("use-proxy-protocol")
                == true)
        let traefik = try Self.facts(ingress: Self.ingress(), classes: ["traefik"])
        #expect(traefik.cause(of: Self.answer(404))?.summary == ": the cluster has no IngressClass nginx, only traefik")
        let circle = try #require(Self.facts(ingress: Self.ingress()).cause(of: Self.answer(302, curl: 47)))
        #expect(circle.isFinal && circle.summary.contains("FORCE_SSL"))
        #expect(try Self.facts(ingress: Self.ingress()).cause(of: Self.answer(503)) == nil)
    }
}
