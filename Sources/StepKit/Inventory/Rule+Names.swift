/// The maximum length of a label of a host name, and of a PostgreSQL identifier, in bytes.
private let longestLabel = 63

extension Rule<String> {
    /// Any string without NUL, which neither an environment variable nor PostgreSQL can contain.
    package static var anyText: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            if text.unicodeScalars.contains("\0") {
                throw Mistake("must not contain NUL")
            }
            return text
        }
    }

    /// A string that is not empty and contains no control characters.
    package static var line: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in try requireLine(text) }
    }

    /// An RFC 1123 label: lower-case letters, digits and hyphens, at most 63.
    package static var label: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            try requireLabel(text)
            return text
        }
    }

    /// An RFC 1123 subdomain: labels joined by dots, at most 253 characters.
    package static var subdomain: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            try requireSubdomain(text)
            return text
        }
    }

    /// A fully qualified host name, as a browser would show it.
    package static var domain: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            if text.contains("/") {
                throw Mistake("must be a host name without scheme or path, not \(shown(text))")
            }
            try requireSubdomain(text)
            let labels = text.split(separator: ".")
            guard labels.count > 1, labels.last?.contains(where: \.isLetter) == true else {
                throw Mistake("must be a fully qualified host name such as support.example.org, not \(shown(text))")
            }
            return text
        }
    }

    /// An IP address or a host name.
    package static var address: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            if IPAddress(text) != nil {
                return text
            }
            if text.hasPrefix("["), text.hasSuffix("]"), IPAddress(String(text.dropFirst().dropLast())) != nil {
                throw Mistake("must be written without brackets, as \(text.dropFirst().dropLast())")
            }
            let lastLabel = text.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
            // A text that ends with a number must be meant as an address: no top-level domain does.
            guard !text.contains(":"), !lastLabel.allSatisfy(\.isNumber) else {
                throw Mistake("must be an IP address or a host name, not \(shown(text))")
            }
            try requireSubdomain(text)
            return text
        }
    }

    /// `host` or `host:port`, as at the beginning of an image reference.
    package static var registryServer: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard ImageReference.isRegistry(text) else {
                throw Mistake("must be a registry's host or host:port without scheme, not \(shown(text))")
            }
            return ImageReference.canonical(registry: text)
        }
    }

    /// The name of a POSIX account.
    package static var account: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard text.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_.\-]{0,31}/) != nil else {
                throw Mistake("must be the name of an account, not \(shown(text))")
            }
            return text
        }
    }

    /// The name of a Redis user that needs no escaping in REDIS_URL, since redis-rb does not decode
    /// `%40`.
    package static var redisUser: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard text.wholeMatch(of: /[A-Za-z0-9._~\-]+/) != nil else {
                throw Mistake(
                    "must be letters, digits, dots, hyphens, _ or ~: the pods' client cannot read others in REDIS_URL, "
                        + "not \(shown(text))")
            }
            return text
        }
    }

    /// A PostgreSQL identifier: at most 63 bytes, since the server silently truncates longer ones.
    package static var identifier: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            _ = try requireLine(text)
            guard text.utf8.count <= longestLabel else {
                throw Mistake("is \(text.utf8.count) bytes long; PostgreSQL cuts names after \(longestLabel)")
            }
            return text
        }
    }

    /// The name of an environment variable.
    package static var variableName: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard text.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil else {
                throw Mistake("must be the name of an environment variable: letters, digits and _, no digit first")
            }
            return text
        }
    }

    /// An absolute path on a remote host.
    package static var remotePath: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard try requireLine(text).hasPrefix("/") else {
                throw Mistake("must be an absolute path on the remote host, not \(shown(text))")
            }
            return text
        }
    }

    /// A path on this machine; `~` and relative paths are resolved.
    package static func localPath(_ session: ReadingSession) -> Rule {
        let (folder, home) = (session.folder, session.home)
        return .string(placeholder: "") { (text) throws(Mistake) in
            _ = try requireLine(text)
            if text == "~" || text.hasPrefix("~/") {
                return home + text.dropFirst()
            }
            if text.hasPrefix("~") {
                throw Mistake("must not name another account's home; write the path in full instead of \(shown(text))")
            }
            return text.hasPrefix("/") ? text : "\(folder)/\(text)"
        }
    }

    /// An S3 bucket's name.
    package static var bucket: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard text.wholeMatch(of: /[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]/) != nil, !text.contains("..") else {
                throw Mistake(
                    "must be a bucket's name: 3 to 63 lower-case letters, digits, hyphens and dots, not \(shown(text))")
            }
            return text
        }
    }

    /// The address of an HTTP service: scheme, host and optional port, nothing else.
    package static var endpoint: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard let match = text.wholeMatch(of: /https?:\/\/([A-Za-z0-9.\-]+|\[[0-9a-fA-F:.]+\])(:([0-9]{1,5}))?/),
                match.3.map({ (1...65535).contains(Int($0) ?? 0) }) ?? true
            else {
                throw Mistake("must be http:// or https://, a host and perhaps a port, not \(shown(text))")
            }
            let host = match.1.trimmingPrefix("[").prefix { $0 != "]" }
            _ = try address.read(.string(host.lowercased()))
            return text
        }
    }

    private static func requireLine(_ text: String) throws(Mistake) -> String {
        guard !text.isEmpty else {
            throw Mistake("must not be empty")
        }
        guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw Mistake("must not contain control characters")
        }
        return text
    }

    private static func requireLabel(_ text: some StringProtocol) throws(Mistake) {
        guard text.utf8.count <= longestLabel else {
            throw Mistake("must be at most \(longestLabel) characters long, not \(text.utf8.count)")
        }
        guard String(text).wholeMatch(of: /[a-z0-9]([a-z0-9\-]*[a-z0-9])?/) != nil else {
            throw Mistake(
                "must be lower-case letters, digits and hyphens, a letter or digit first and last, not "
                    + shown(String(text)))
        }
    }

    private static func requireSubdomain(_ text: String) throws(Mistake) {
        guard text.utf8.count <= 253 else {
            throw Mistake("must be at most 253 characters long, not \(text.utf8.count)")
        }
        for label in text.split(separator: ".", omittingEmptySubsequences: false) {
            try requireLabel(label)
        }
    }
}
