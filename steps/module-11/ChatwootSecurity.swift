import Kubernetes

/// What PodSecurity's `restricted` level requires, except `runAsNonRoot`: Chatwoot's image has no
/// user other than root, who owns `/app/tmp`.
extension SecurityContext {
    /// No capabilities, and no way to gain any.
    static let chatwoot = SecurityContext(
        allowPrivilegeEscalation: false, capabilities: .init(drop: ["ALL"]))
}

extension PodSecurityContext {
    /// The container runtime's default system call filter.
    static let chatwoot = PodSecurityContext(seccompProfile: .init(type: "RuntimeDefault"))
}
