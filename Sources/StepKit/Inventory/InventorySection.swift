/// A module's own section of the inventory: the object under one key of `inventory.json`.
///
/// It is declared in the module's folder and read by the same rules as the platform's sections. The
/// module also adds a property to ``Inventory`` that returns it.
package protocol InventorySection: Sendable, Hashable {
    /// The key of the object.
    static var key: String { get }
    /// The keys that `runner inventory import` must be given.
    static var importedKeys: [ImportedKey] { get }
    /// Reads the object.
    init(_ reader: ObjectReader)
    /// Reports values that contradict each other, within this section or with the rest of the
    /// inventory.
    func check(against inventory: Inventory, _ session: ReadingSession)
}

/// A key of the inventory that is not in a kubespray inventory, and what its value should be.
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
    /// The section that a module has declared.
    ///
    /// Only that module's code uses it, after ``require(_:)`` has checked that it is there.
    package func section<Section: InventorySection>(_: Section.Type = Section.self) -> Section {
        for case let section as Section in sections { return section }
        preconditionFailure("the inventory was read without its section \"\(Section.key)\"")
    }

    /// Whether the inventory has the section that `module` needs.
    public func describes(_ module: Module) -> Bool {
        guard let needed = module.section else { return true }
        return sections.contains { type(of: $0) == needed }
    }

    /// Throws if the section of `module` is missing.
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
    /// The sections of `modules` that exist; if none does, all of them are reported as missing.
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
