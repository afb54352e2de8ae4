public import ClientKit

/// The credentials with which the registry accepted a pull of an image, as verified when a run
/// begins.
public struct AcceptedPull: Sendable, Hashable {
    /// The image, as the pods name it.
    public let image: String
    /// The user.
    public let user: String
    /// The user's token.
    public let token: Secret

    /// Describes what was accepted; see the properties.
    public init(image: String, user: String, token: Secret) {
        self.image = image
        self.user = user
        self.token = token
    }
}
