enum CredentialsDirectory {
    static let extraFile = "chatwoot-extra.env"
}
