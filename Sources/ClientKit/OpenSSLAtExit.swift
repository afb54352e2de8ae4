import COpenSSL

/// Keeps OpenSSL, which libssh2 and libpq share, from taking down its state when the process exits.
///
/// A thread that still ends a session then would use what is gone already, and crash a process whose work is done. Whoever
/// initialises OpenSSL first decides, so that this comes before the first use of either library; it may be called again.
public func keepOpenSSLAtExit() {
    // Where this fails OpenSSL cannot be initialised at all, and the library that is about to use it says so.
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
}
