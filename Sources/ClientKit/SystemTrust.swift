import Foundation

/// The file of the CAs that this machine trusts; nil if it has none in the usual places.
///
/// `SSL_CERT_FILE` names another one, as for every program that uses OpenSSL.
public func systemTrustFile() -> String? {
    let usual = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ]
    let named = ProcessInfo.processInfo.environment["SSL_CERT_FILE"].map { [$0] } ?? []
    return (named + usual).first { access($0, R_OK) == 0 }
}
