import ClientKit
import Testing

@testable import StepKit
@testable import Steps

/// The inventory of several modules, each with a section of its own.
@Suite struct InventorySectionTests {
    /// A section of one required key, which must not be the platform's name.
    private struct Notice: InventorySection {
        static let key = "notice"
        static let importedKeys = [ImportedKey("notice.text", hint: "what the notice says")]

        let text: String

        init(_ reader: ObjectReader) { text = reader.value("text", .line) }

        func check(against inventory: Inventory, _ session: ReadingSession) {
            if session.isSound("notice.text"), text == inventory.name {
                session.report("notice.text", "must say more than the platform's name")
            }
        }
    }

    private static let noticeModule = StepKit.Module(
        number: 12, summary: "a notice", section: Notice.self,
        application: { _ in Application(namespace: "notice") }, steps: [], orderNote: "none",
        preflight: { _ in [] }, diagnose: { _ in [] }, evidence: { _ in [] })
    private static let both = InventorySample.modules + [noticeModule]

    private func parse(_ text: String, for modules: [StepKit.Module] = both) throws(InventoryError) -> Inventory {
        try Inventory.parse(Array(text.utf8), path: "/etc/keybuzz/inventory.json", for: modules)
    }

    private func withNotice(_ section: String) throws -> String {
        try InventorySample.changed([("\"firewall\"", "\"notice\": \(section),\n  \"firewall\"")])
    }

    @Test func eachModuleReadsItsOwnSection() throws {
        let inventory = try parse(withNotice(#"{ "text": "closed on Sundays" }"#))
        #expect(inventory.section(Notice.self).text == "closed on Sundays")
        #expect(inventory.chatwoot.domain == "support.keybuzz.io")
        #expect(Self.both.allSatisfy { inventory.describes($0) })
        try inventory.require(Self.noticeModule)
    }

    @Test(arguments: [
        ("{}", "is missing"), (#"{ "text": 1 }"#, "must be a string, not a whole number"),
        (#"{ "text": "rehearsal" }"#, "must say more than the platform's name"),
    ])
    func aMistakeInASectionHasItsPathAndLine(_ section: String, message: String) throws {
        let text = try withNotice(section)
        let error = try #require(throws: InventoryError.self) { try parse(text) }
        #expect(error.problems.map(\.path) == ["notice.text"])
        #expect(error.problems.first?.line == 36)
        #expect(error.problems.first?.message.hasPrefix(message.prefix(18)) == true)
    }

    @Test func aModuleWithoutItsSectionIsRefusedAndTheOthersAreNot() throws {
        let inventory = try parse(InventorySample.lab)
        #expect(!inventory.describes(Self.noticeModule))
        try inventory.require(module11)
        let error = try #require(throws: InventoryError.self) { try inventory.require(Self.noticeModule) }
        #expect(error.kind == .badInput)
        #expect(error.cause.contains("notice: is missing; module 12 needs it"))
    }

    @Test func oneSectionAtLeastMustBeThere() throws {
        let text = try InventorySample.changed([("\"chatwoot\": {", "\"chatwot\": {")])
        let error = try #require(throws: InventoryError.self) { try parse(text) }
        #expect(Set(error.problems.map(\.path)) == ["chatwoot", "notice", "chatwot"])
        #expect(error.problems.contains { $0.message.contains("did you mean \"chatwoot\"?") })
    }

    @Test func theSectionOfAnUnknownModuleIsNoKey() throws {
        let text = try withNotice(#"{ "text": "closed" }"#)
        let error = try #require(throws: InventoryError.self) { try parse(text, for: [module11]) }
        #expect(error.problems.map(\.path) == ["notice"])
        #expect(error.cause.contains("is not a key of the inventory"))
    }

    @Test func theImportAsksForTheKeysOfEverySection() {
        let keys = InventoryImport.settableKeys(for: Self.both)
        #expect(keys.suffix(5) == ["chatwoot.image", "chatwoot.domain", "notice.text", "firewall.policy", "ssh.agent"])
    }
}
