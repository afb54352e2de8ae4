import Kubernetes

/// What PodSecurity's `restricted` asks of a pod, but for `runAsNonRoot`: Chatwoot's image has no other user than root, whom
/// `/app/tmp` belongs to.
extension SecurityContext {
    /// No capabilities, and no way to gain any.
    static let chatwoot = SecurityContext(
        allowPrivilegeEscalation: false, capabilities: .init(drop: ["ALL"]))
}

extension PodSecurityContext {
    /// The container runtime's own filter of system calls.
    static let chatwoot = PodSecurityContext(seccompProfile: .init(type: "RuntimeDefault"))
}
