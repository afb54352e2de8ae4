import ClientKit
import Foundation
import Testing

/// A registry behind TLS that asks for a password, by Basic or by the Bearer challenge of the distribution specification.
///
/// While it answers it looks into the arguments of every process of the machine for what must not be there.
final class StandInRegistry {
    /// How it behaves.
    struct Behaviour: Encodable {
        /// `basic` or `bearer`.
        var scheme: String
        var username = "keybuzz"
        var token: String
        /// The status for accepted credentials.
        var status = 200
        /// The status for a request without credentials.
        var firstStatus = 401
        /// The digest that it tells of the image; `nil` where it tells none.
        var digest: String? = StandInRegistry.digest
        /// The manifest.
        var manifest = "{}"
        /// The status of the token endpoint for accepted credentials.
        var tokenStatus = 200
        /// The body of the token endpoint, `TOKEN` standing for the token.
        var tokenBody = #"{"token":"TOKEN","expires_in":300}"#
        /// Where tokens are had, `HERE` standing for this server; `PLAIN` for one beside it without TLS.
        var realm = "https://HERE/token"

        init(_ scheme: String, token: String) {
            self.scheme = scheme
            self.token = token
        }
    }

    /// One request as it arrived.
    struct Request: Decodable, Equatable {
        let method: String
        let path: String
        /// `none`, `right`, `wrong` or `bearer`.
        let authorization: String
        /// The media types that are accepted.
        let accept: String
        let isEncrypted: Bool
        /// The arguments of processes that held a secret.
        let leaks: [String]
    }

    static let digest = "sha256:" + String(repeating: "5c", count: 32)

    let port: Int
    let authority: String
    private let folder: TemporaryFolder
    private let server: PythonServer

    init(_ behaviour: Behaviour) async throws {
        folder = try TemporaryFolder()
        authority = "\(folder.path)/ca.pem"
        let (key, certificate) = ("\(folder.path)/key.pem", authority)
        _ = try await output(
            of: "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate)
        try JSONEncoder().encode(behaviour).write(to: URL(filePath: "\(folder.path)/behaviour.json"))
        server = try await PythonServer.start(Self.source, [folder.path])
        port = server.port
    }

    /// What arrived, in order.
    func requests() throws -> [Request] {
        guard try folder.names().contains("requests.jsonl") else { return [] }
        return try folder.read("requests.jsonl").split(separator: "\n").map {
            try JSONDecoder().decode(Request.self, from: Data($0.utf8))
        }
    }

    private static let source = #"""
        import base64, glob, http.server, json, os, ssl, sys, threading
        folder = sys.argv[1]
        behaviour = json.load(open(folder + "/behaviour.json"))
        pair = (behaviour["username"] + ":" + behaviour["token"]).encode()
        basic = "Basic " + base64.b64encode(pair).decode()
        bearer = "bearer-" + os.urandom(12).hex() + "=="
        secrets = [behaviour["token"].encode(), basic[6:].encode(), bearer.encode()]
        lock = threading.Lock()
        def leaks():
            found = []
            for name in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
                try: line = open(name, "rb").read()
                except OSError: continue
                if any(secret in line for secret in secrets): found.append(name + " " + repr(line))
            return found
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            encrypted = True
            def log_message(self, *a): pass
            def note(self):
                given = self.headers["Authorization"]
                word = "none" if given is None else "right" if given == basic else \
                    "bearer" if given == "Bearer " + bearer else "wrong"
                with lock, open(folder + "/requests.jsonl", "a") as log:
                    log.write(json.dumps({"method": self.command, "path": self.path, "authorization": word,
                        "accept": self.headers["Accept"] or "",
                        "isEncrypted": self.encrypted, "leaks": leaks()}) + "\n")
                return word
            def answer(self, status, headers={}, body=b""):
                self.send_response(status)
                for name in headers: self.send_header(name, headers[name])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD": self.wfile.write(body)
            def do_GET(self):
                word = self.note()
                if self.path.startswith("/token"):
                    if word != "right": return self.answer(403, body=b'{"errors":[{"code":"DENIED"}]}')
                    return self.answer(behaviour["tokenStatus"], body=behaviour["tokenBody"].replace("TOKEN", bearer).encode())
                if word == ("right" if behaviour["scheme"] == "basic" else "bearer"):
                    told = {"docker-Content-digest": behaviour["digest"]} if "digest" in behaviour else {}
                    return self.answer(behaviour["status"], told, behaviour["manifest"].encode())
                if word == "none" and behaviour["firstStatus"] != 401: return self.answer(behaviour["firstStatus"])
                if behaviour["scheme"] == "basic":
                    return self.answer(401, {"WWW-Authenticate": 'Basic realm="stand-in"'})
                realm = behaviour["realm"].replace("HERE", "localhost:%d" % port).replace("PLAIN", "localhost:%d" % plainPort)
                self.answer(401, {"Www-Authenticate": 'Bearer realm="%s",service="stand-in",scope="repository:x:pull"' % realm})
            do_HEAD = do_GET
        class PlainHandler(Handler):
            encrypted = False
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PlainHandler)
        port, plainPort = server.server_port, plain.server_port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/ca.pem", folder + "/key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        print(port)
        server.serve_forever()
        """#
}
