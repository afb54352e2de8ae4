import Foundation
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

@Suite struct ModuleTests {
    /// Checkpoints and audit logs carry the names, and the order has its reasons; a step beside these changes neither.
    @Test func theShippedStepsKeepTheirNamesAndTheirOrder() {
        let shipped: [StepID] = [
            "fix_ufw_k8s_nodes", "reset_database", "11_ct_00_setup_credentials", "11_ct_01_prepare_config",
            "add_imagepullsecrets", "11_ct_04_run_migrations", "11_ct_02_deploy_chatwoot", "11_ct_03_tests",
        ]
        #expect(module11.steps.map(\.id).filter(shipped.contains) == shipped)
        #expect(Set(module11.steps.map(\.id)).count == module11.steps.count)
        #expect(module11.number == 11)
    }

    @Test func eachStepStandsInTheFileOfItsName() throws {
        let folder = Shipped.folder.appending(path: "steps")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".swift") }.map { folder.appending(path: $0) }
        for step in module11.steps {
            let file = try #require(files.first { $0.lastPathComponent == "\(step.id).swift" })
            let source = try String(contentsOf: file, encoding: .utf8)
            #expect(source.contains("let id: StepID = \"\(step.id)\""))
        }
        let named = files.map { $0.deletingPathExtension().lastPathComponent }
            .filter { !$0.contains("+") && $0.first?.isUppercase == false }
        #expect(Set(named) == Set(module11.steps.map(\.id.rawValue)))
    }

    @Test func everyModuleHasANumberOfItsOwnAndATitle() {
        #expect(modules.map(\.number).contains(11))
        #expect(Set(modules.map(\.number)).count == modules.count)
        for module in modules {
            #expect(!module.summary.isEmpty)
            #expect(!module.summary.contains("\n"))
        }
    }

    @Test func everyStepSaysWhatItIsFor() {
        for step in module11.steps {
            #expect(!step.summary.isEmpty)
            #expect(!step.summary.contains("\n"))
        }
        #expect(!module11.orderNote.isEmpty)
    }
}
