/// The status of a container.
struct ContainerStatus {
    let name: String
    let image: String
    let isReady: Bool
    let isRunning: Bool
    let restarts: Int
    /// Why the container is waiting, where it is.
    let waiting: Waiting?
    /// How the current container ended.
    let terminated: Termination?
    /// How the previous container ended.
    let lastTerminated: Termination?

    struct Waiting {
        let reason: String
        let message: String
    }

    struct Termination {
        let exitCode: Int
        let reason: String
        let message: String

        init?(_ state: JSONValue?) {
            guard let state else { return nil }
            exitCode = state["exitCode"]?.integer ?? -1
            reason = state["reason"]?.string ?? ""
            message = state["message"]?.string ?? ""
        }

        /// `exited with status 3`, or the signal that killed it.
        var summary: String {
            switch exitCode {
            case 129...159: "was killed by signal \(exitCode - 128)"
            default: "exited with status \(exitCode)"
            }
        }
    }

    init(_ status: JSONValue, image: String?) {
        name = status["name"]?.string ?? ""
        self.image = image ?? status["image"]?.string ?? ""
        isReady = status["ready"]?.bool ?? false
        isRunning = status["state", "running"] != nil
        restarts = status["restartCount"]?.integer ?? 0
        waiting = status["state", "waiting"].map {
            Waiting(reason: $0["reason"]?.string ?? "", message: $0["message"]?.string ?? "")
        }
        terminated = Termination(status["state", "terminated"])
        lastTerminated = Termination(status["lastState", "terminated"])
    }
}
