import StepKit

extension Application {
    /// Chatwoot, as `inventory` describes it.
    static func chatwoot(_ inventory: StepKit.Inventory) -> Application {
        Application(
            namespace: inventory.chatwoot.namespace, labels: ChatwootNames.shared,
            images: [.chatwoot(inventory)],
            database: .chatwoot(inventory), generated: .chatwoot(inventory),
            credentialsFiles: [.chatwootExtra],
            endpoint: Endpoint(
                labels: ChatwootNames.selector("web"), port: ChatwootNames.port, path: "/api"))
    }
}

extension Application.Database {
    /// The database of web, worker and migration pods.
    static func chatwoot(_ inventory: StepKit.Inventory) -> Application.Database {
        Application.Database(
            name: inventory.chatwoot.database, user: inventory.chatwoot.databaseUser)
    }
}

extension Application.Image {
    /// The image of web, worker and migration pods.
    static func chatwoot(_ inventory: StepKit.Inventory) -> Application.Image {
        Application.Image(inventory.chatwoot.image, key: "chatwoot.image")
    }
}
