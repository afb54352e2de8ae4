internal import COpenSSL

/// The file name under which OpenSSL finds the first certificate of the PEM `text` in a CA
/// directory; nil if there is none.
public func certificateFileName(_ text: String) -> String? {
    guard let bio = BIO_new_mem_buf(text, Int32(text.utf8.count)) else { return nil }
    defer { BIO_free(bio) }
    guard let certificate = PEM_read_bio_X509(bio, nil, nil, nil) else { return nil }
    defer { X509_free(certificate) }
    let hash = String(UInt32(truncatingIfNeeded: X509_subject_name_hash(certificate)), radix: 16)
    return String(repeating: "0", count: 8 - hash.count) + hash
}
