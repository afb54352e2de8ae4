import Foundation
import Kubernetes

/// A pod that serves Ingresses, recognised by what it runs, since its labels vary.
struct IngressController: Sendable, Hashable {
    let name: String
    let namespace: String
    /// The node that it runs on, if it has one.
    let node: String?
    /// When its youngest container started; `nil` if one is not running.
    let runsSince: Date?
    /// Why it does not serve: `CrashLoopBackOff`, or that it is not ready; `nil` if it serves.
    let trouble: String?

    /// Reads a Pod; `nil` if it is not an ingress controller, or has ended.
    init?(pod: JSONValue) {
        guard pod["kind"]?.string == "Pod", pod["metadata", "deletionTimestamp"] == nil,
            !pod.isEndedPod,
            let name = pod["metadata", "name"]?.string, Self.isController(pod)
        else { return nil }
        self.name = name
        namespace = pod["metadata", "namespace"]?.string ?? "default"
        node = pod["spec", "nodeName"]?.string
        let containers = pod["status", "containerStatuses"]?.elements ?? []
        let waiting = containers.compactMap { container in
            container["state", "waiting", "reason"]?.string ?? container["state", "terminated", "reason"]?.string
        }
        let started = containers.compactMap { $0["state", "running", "startedAt"]?.string }
            .compactMap { Self.date($0) }
        runsSince = waiting.isEmpty && !containers.isEmpty ? started.max() : nil
        let isReady = !containers.isEmpty && containers.allSatisfy { $0["ready"]?.bool == true }
        trouble = isReady ? nil : waiting.first ?? (containers.isEmpty ? "not started" : "not ready")
    }

    /// Whether a pod uses the node's port 80, or has an ingress controller's options, image or
    /// labels.
    private static func isController(_ pod: JSONValue) -> Bool {
        let isOnHost = pod["spec", "hostNetwork"]?.bool == true
        let labels = pod["metadata", "labels"]?.strings ?? [:]
        if ["app.kubernetes.io/name", "app", "k8s-app"].contains(where: { labels[$0] == "ingress-nginx" }) {
            return true
        }
        return (pod["spec", "containers"]?.elements ?? []).contains { container in
            let takesPort80 = (container["ports"]?.elements ?? []).contains { port in
                port["hostPort"]?.integer == 80 || isOnHost && port["containerPort"]?.integer == 80
            }
            let words = [container["command"], container["args"]].flatMap { $0?.elements ?? [] }.compactMap(\.string)
            let isTold = words.contains { $0.hasPrefix("--controller-class") || $0.hasPrefix("--ingress-class") }
            return takesPort80 || isTold || isControllerImage(container["image"]?.string ?? "")
        }
    }

    /// `registry.k8s.io/ingress-nginx/controller:v1.9.5@sha256:…`, `nginx/nginx-ingress:3.4`; not
    /// the image that creates its certificate.
    private static func isControllerImage(_ image: String) -> Bool {
        let path = image.prefix { $0 != "@" }.split(separator: "/")
        guard let last = path.last?.split(separator: ":").first else { return false }
        return last.contains("ingress") || last == "controller" && path.dropLast().contains { $0.contains("ingress") }
    }

    private static func date(_ text: String) -> Date? {
        do {
            return try Date(text, strategy: .iso8601)
        } catch {
            // A time that cannot be parsed does not make a controller young.
            return nil
        }
    }
}
