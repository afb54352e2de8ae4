/// A Deployment.
public struct Deployment: Manifest {
    /// `apps/v1`.
    public let apiVersion = "apps/v1"
    /// `Deployment`.
    public let kind = "Deployment"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// What it keeps running.
    public var spec: Spec

    /// Describes a Deployment.
    public init(metadata: ObjectMeta, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    /// Pods, their number and how they are replaced.
    public struct Spec: Encodable, Sendable, Hashable {
        /// The number of pods; `nil` leaves it to others, even where an earlier apply of ours set
        /// it (see ``DelegatedFields``).
        public var replicas: Int?
        /// Which pods are its own; cannot be changed later.
        public var selector: LabelSelector
        /// The pods.
        public var template: PodTemplate
        /// How pods are replaced.
        public var strategy: Strategy?
        /// Seconds a pod must have been ready to count as available.
        ///
        /// A pod without a readiness probe is ready as soon as it runs: without these seconds, a
        /// program that exits right after its start would pass for a finished rollout.
        public var minReadySeconds: Int?
        /// Seconds without progress after which the Deployment reports that.
        public var progressDeadlineSeconds: Int?
        /// How many old ReplicaSets are kept.
        public var revisionHistoryLimit: Int?

        /// Describes what a Deployment keeps running; see the properties.
        public init(
            replicas: Int?, selector: LabelSelector, template: PodTemplate, strategy: Strategy? = nil,
            minReadySeconds: Int? = nil, progressDeadlineSeconds: Int? = nil, revisionHistoryLimit: Int? = nil
        ) {
            self.replicas = replicas
            self.selector = selector
            self.template = template
            self.strategy = strategy
            self.minReadySeconds = minReadySeconds
            self.progressDeadlineSeconds = progressDeadlineSeconds
            self.revisionHistoryLimit = revisionHistoryLimit
        }
    }

    /// How pods are replaced.
    public struct Strategy: Encodable, Sendable, Hashable {
        /// `RollingUpdate` or `Recreate`.
        public var type: String
        /// How many at a time.
        public var rollingUpdate: RollingUpdate?

        /// One after another, within these bounds.
        public static func rolling(maxUnavailable: IntOrString, maxSurge: IntOrString) -> Strategy {
            Strategy(
                type: "RollingUpdate",
                rollingUpdate: RollingUpdate(maxUnavailable: maxUnavailable, maxSurge: maxSurge))
        }
    }

    /// How many pods are replaced at a time.
    public struct RollingUpdate: Encodable, Sendable, Hashable {
        /// How many may be missing.
        public var maxUnavailable: IntOrString
        /// How many may exist beyond the desired number.
        public var maxSurge: IntOrString
    }
}

/// A Job.
public struct Job: Manifest {
    /// `batch/v1`.
    public let apiVersion = "batch/v1"
    /// `Job`.
    public let kind = "Job"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// What it runs to completion.
    public var spec: Spec

    /// Describes a Job.
    public init(metadata: ObjectMeta, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    /// Pods that run to completion.
    public struct Spec: Encodable, Sendable, Hashable {
        /// The pods.
        public var template: PodTemplate
        /// How many failed pods are replaced.
        public var backoffLimit: Int
        /// How many pods run in parallel.
        public var parallelism: Int
        /// How many pods must succeed.
        public var completions: Int
        /// Seconds the Job may take.
        public var activeDeadlineSeconds: Int?
        /// Seconds after it finished until it is removed; `nil` keeps it.
        public var ttlSecondsAfterFinished: Int?

        /// Describes what a Job runs; see the properties.
        public init(
            template: PodTemplate, backoffLimit: Int = 0, parallelism: Int = 1, completions: Int = 1,
            activeDeadlineSeconds: Int? = nil, ttlSecondsAfterFinished: Int? = nil
        ) {
            self.template = template
            self.backoffLimit = backoffLimit
            self.parallelism = parallelism
            self.completions = completions
            self.activeDeadlineSeconds = activeDeadlineSeconds
            self.ttlSecondsAfterFinished = ttlSecondsAfterFinished
        }
    }
}

/// A PodDisruptionBudget: how many pods may be evicted at the same time.
public struct PodDisruptionBudget: Manifest {
    /// `policy/v1`, or on a server before 1.21 `policy/v1beta1`; no server from 1.25 on knows both.
    public let apiVersion: String
    /// `PodDisruptionBudget`.
    public let kind = "PodDisruptionBudget"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// Which pods, and how many.
    public var spec: Spec

    /// Describes a budget in the version that `server` knows.
    public init(metadata: ObjectMeta, spec: Spec, for server: ServerVersion) {
        self.apiVersion = server.podDisruptionBudgetVersion
        self.metadata = metadata
        self.spec = spec
    }

    /// Pods, and how many of them may be missing.
    public struct Spec: Encodable, Sendable, Hashable {
        /// The pods.
        public var selector: LabelSelector
        /// How many may be missing.
        public var maxUnavailable: IntOrString

        /// Describes a budget.
        public init(selector: LabelSelector, maxUnavailable: IntOrString) {
            self.selector = selector
            self.maxUnavailable = maxUnavailable
        }
    }
}
