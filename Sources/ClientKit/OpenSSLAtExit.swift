import COpenSSL

/// Prevents OpenSSL, which libssh2 and libpq share, from freeing its state when the process exits.
///
/// A thread that is still closing a session would otherwise use freed state, and crash a process
/// whose work is done. The first initialisation of OpenSSL decides, so this must be called before
/// the first use of either library; it may be called again.
public func keepOpenSSLAtExit() {
    // If this fails, OpenSSL cannot be initialised at all, and the library that uses it reports
    // that.
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
}
