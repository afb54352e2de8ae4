/// Recognises Ansible inventories in formats that cannot be read here.
enum AnsibleForm {
    /// The beginning of everything that Ansible Vault has encrypted.
    static let vaultHeader = "$ANSIBLE_VAULT;"

    /// Why `text`, the contents of `file`, is not an inventory in YAML, and the command that
    /// converts it.
    static func objection(to text: String, file: String) -> InventoryProblem? {
        let quoted = ShellWord.quoteIfNeeded(file)
        if text.hasPrefix(vaultHeader) {
            return InventoryProblem(
                at: .start,
                "is encrypted with ansible-vault: decrypt it with `ansible-vault decrypt --output \(output(of: file)) \(quoted)`, "
                    + "and import that file")
        }
        guard let position = startOfINI(text) else { return nil }
        return InventoryProblem(
            at: position,
            "is an inventory in INI format, and only YAML is supported: convert it with "
                + "`ansible-inventory -i \(quoted) --list --yaml > \(output(of: file))`, and import that file")
    }

    /// The position of the first line that is a group heading or a host of an INI inventory; nil if
    /// the text may be YAML.
    private static func startOfINI(_ text: String) -> TextPosition? {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.drop(while: \.isWhitespace)
            if words.isEmpty || words.hasPrefix("#") || words.hasPrefix(";") { continue }
            let isHeading = words.wholeMatch(of: /\[[A-Za-z0-9_.\-]+(:(vars|children))?\]\s*([#;].*)?/) != nil
            // A host by itself, or with variables; a YAML mapping would contain a colon and a
            // space, or end with a colon.
            let isHost =
                words.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.\-\[\]:]*(\s+[A-Za-z_][A-Za-z0-9_]*\s*=.*)?\s*/) != nil
                && !words.contains(/:(\s|$)/)
            return isHeading || isHost ? TextPosition(line: index + 1, column: 1) : nil
        }
        return nil
    }

    /// The path next to `file` for the converted file.
    private static func output(of file: String) -> String {
        let folder = file.lastIndex(of: "/").map { file[...$0] } ?? ""
        let name = file.dropFirst(folder.count)
        let stem = name.lastIndex(of: ".").flatMap { $0 > name.startIndex ? name[..<$0] : nil } ?? name
        let made = "\(folder)\(stem).yaml"
        return ShellWord.quoteIfNeeded(made == file ? "\(folder)\(stem)-plain.yaml" : made)
    }
}
