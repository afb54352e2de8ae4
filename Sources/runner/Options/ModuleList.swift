import ClientKit
import Engine
import Journal
import StepKit

/// The modules that the commands find by number.
struct ModuleList: Sendable {
    let modules: [StepKit.Module]

    /// The modules that `inventory` describes.
    func described(by inventory: StepKit.Inventory) -> [StepKit.Module] {
        modules.filter { inventory.describes($0) }
    }

    /// The module with `number`, as typed by the operator.
    func module(_ number: Int) throws(StepFailure) -> StepKit.Module {
        guard let module = modules.first(where: { $0.number == number }) else {
            throw refusal(of: "module \(number)")
        }
        return module
    }

    /// The module that the id of `run` names.
    func module(of run: RunID) throws(StepFailure) -> StepKit.Module {
        guard let module = modules.first(where: { String($0.number) == run.module }) else {
            throw refusal(of: "module \(run.module) of run \(run)")
        }
        return module
    }

    /// The modules in the order in which `resume` tries them: the one with the newest unfinished
    /// run in `state` first, those without an unfinished run last.
    ///
    /// All are tried, since only the holder of a module's lock can know that it has no unfinished
    /// run.
    func toResume(in state: StateDirectory) throws(JournalError) -> [StepKit.Module] {
        var unfinished: [(run: RunID, module: StepKit.Module)] = []
        var others: [StepKit.Module] = []
        for module in modules {
            let name = String(module.number)
            if let run = try state.newestUnfinishedRun(module: name, steps: module.stepNames) {
                unfinished.append((run.id, module))
            } else {
                others.append(module)
            }
        }
        return unfinished.sorted { $0.run > $1.run }.map(\.module) + others
    }

    /// The numbers as a phrase: `module 11 only`, `modules 11 and 12 only`.
    private var phrase: String {
        let numbers = modules.map { String($0.number) }
        guard let last = numbers.last, numbers.count > 1 else {
            return "module \(numbers.joined()) only"
        }
        return "modules \(numbers.dropLast().joined(separator: ", ")) and \(last) only"
    }

    private func refusal(of wanted: String) -> StepFailure {
        StepFailure(
            "find \(wanted)", cause: "runner knows \(phrase)",
            remedy: "run `runner steps` to list them", kind: .usage)
    }
}
