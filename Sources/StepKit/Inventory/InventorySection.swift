/// A module's own section of the inventory: the object under one key of `inventory.json`.
///
/// The module's folder declares it and reads it by the same rules as the platform's sections. It adds a property to
/// ``Inventory`` that returns it.
package protocol InventorySection: Sendable, Hashable {
    /// The key of the object.
    static var key: String { get }
    /// What must be given to `runner inventory import`.
    static var importedKeys: [ImportedKey] { get }
    /// Reads the object.
    init(_ reader: ObjectReader)
    /// Reports what is wrong only in combination, within this section or with the rest of the inventory.
    func check(against inventory: Inventory, _ session: ReadingSession)
}

/// A key of the inventory that kubespray does not know, and what belongs there.
package struct ImportedKey: Sendable {
    let path: String
    let hint: String
    let isList: Bool

    /// Describes a key; see the properties.
    package init(_ path: String, hint: String, isList: Bool = false) {
        self.path = path
        self.hint = hint
        self.isList = isList
    }
}

extension Inventory {
    /// The section that a module has declared as its own.
    ///
    /// Only that module's code asks for it, once ``require(_:)`` has found it.
    package func section<Section: InventorySection>(_: Section.Type = Section.self) -> Section {
        for case let section as Section in sections { return section }
        preconditionFailure("the inventory was read without its section \"\(Section.key)\"")
    }

    /// Whether the inventory has what `module` needs.
    public func describes(_ module: Module) -> Bool {
        guard let needed = module.section else { return true }
        return sections.contains { type(of: $0) == needed }
    }

    /// Refuses `module` where its section is missing.
    public func require(_ module: Module) throws(InventoryError) {
        guard let section = module.section, !describes(module) else { return }
        throw InventoryError(
            file: path,
            problems: [
                InventoryProblem(path: section.key, "is missing; module \(module.number) needs it")
            ])
    }
}

extension ObjectReader {
    /// The sections of `modules` that are there; where none is, all of them are missing.
    func sections(of modules: [Module]) -> [any InventorySection] {
        let sections = modules.compactMap(\.section)
        let isAnyThere = sections.contains { has($0.key) }
        return sections.compactMap { section($0, isRequired: sections.count == 1 || !isAnyThere) }
    }

    private func section<Section: InventorySection>(
        _: Section.Type, isRequired: Bool
    ) -> (any InventorySection)? {
        isRequired
            ? object(Section.key, isRequired: true, Section.init)
            : optionalObject(Section.key, Section.init)
    }
}
