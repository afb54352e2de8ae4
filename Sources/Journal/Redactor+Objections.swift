public import ClientKit
import Foundation

extension Redactor {
    /// Secrets shorter than this many bytes are not looked for.
    public static let shortest = 4

    /// Why a value cannot be hidden by looking for it, in words that go on after "the password";
    /// nil where it can.
    ///
    /// What is common in ordinary text would tear holes into every record, and the holes would tell
    /// what it is.
    public static func objection(to secret: Secret) -> String? {
        let value = secret.reveal().trimmingCharacters(in: .whitespacesAndNewlines)
        if value.utf8.count < shortest { return "has fewer than \(shortest) characters" }
        if value.utf8.count < 8, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
            return "is a number of fewer than 8 digits, which is common in ordinary output"
        }
        if Set(value).count < 3 { return "has fewer than 3 different characters" }
        if commonWords.contains(value.lowercased()) { return "is a word that is common in ordinary output" }
        return nil
    }

    /// Words in the output of the programs we run, and in our own records.
    private static let commonWords = Set(
        """
        true false null none nil yes no on off enabled disabled default undefined unknown error warning info debug \
        trace fatal failed failure success succeeded complete completed running pending ready waiting terminated \
        started stopped active inactive healthy unhealthy created updated deleted changed unchanged applied \
        configured present absent missing found admin administrator root user username password passwd secret \
        secrets token tokens login logins name names namespace namespaces node nodes host hosts hostname localhost \
        local remote master masters worker workers server servers client clients cluster clusters service services \
        deployment deployments pods container containers image images volume volumes config configmap configmaps \
        data database databases schema table tables index owner role roles public private postgres postgresql \
        pgbouncer redis sentinel minio haproxy kubernetes kubectl kube-system kubeadm containerd docker ghcr \
        registry github keybuzz runner rails ruby puma sidekiq production development staging test tests \
        install installer inventory step steps check checks apply verify plan module modules audit run runs start \
        stop status result exit code line file files path paths time date type kind version string number object \
        http https smtp imap mail email domain address port ports url urls json yaml text html utf8 utf-8 linux \
        debian ubuntu bash shell echo head tail json base64 sha256 scram-sha-256 example example.com \
        changeme letmein welcome qwerty abc123 password1 p@ssw0rd
        """.split(separator: " ").map(String.init))
}
