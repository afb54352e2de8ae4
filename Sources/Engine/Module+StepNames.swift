public import Journal
public import StepKit

extension StepKit.Module {
    /// The names of its steps, by whether a run has them unasked.
    public var stepNames: StepNames {
        var always: Set<String> = []
        var onRequest: Set<String> = []
        for step in steps {
            if step is any StepOnRequest {
                onRequest.insert(step.id.rawValue)
            } else {
                always.insert(step.id.rawValue)
            }
        }
        return StepNames(always: always, onRequest: onRequest)
    }
}
