import Kubernetes
import Testing

extension ServerTests {
    /// A Job or a Pod is deleted as it was seen, or not at all.
    @Suite struct DeleteUnchangedTests {
        let writer: ClusterWriter

        init() throws {
            writer = try #require(APIServer.current).writer
        }

        private func job(in namespace: String) async throws -> JSONValue {
            try await writer.apply([Namespace(metadata: ObjectMeta(name: namespace))])
            try await writer.create(Samples.job(namespace))
            return try #require(try await writer.reader.get(Samples.job(namespace).reference))
        }

        private struct Pod: Manifest {
            let apiVersion = "v1"
            let kind = "Pod"
            var metadata = ObjectMeta(name: "stuck", namespace: "delete-pod")
            var spec = PodSpec(containers: [Container(name: "web", image: "a:1")])
        }

        @Test func aPodThatChangedSinceStays() async throws {
            try await writer.apply([Namespace(metadata: ObjectMeta(name: "delete-pod"))])
            var pod = Pod()
            try await writer.apply([pod])
            let seen = try #require(try await writer.reader.list(["pods"], namespace: "delete-pod", labels: [:]).first)
            pod.metadata.annotations = ["changed": "since"]
            try await writer.apply([pod])
            let refused = await #expect(throws: KubernetesError.self) { try await writer.deleteUnchanged(seen) }
            #expect(refused?.serverReason == .conflict)
            let again = try #require(try await writer.reader.list(["pods"], namespace: "delete-pod", labels: [:]).first)
            try await writer.deleteUnchanged(again)
            #expect(try await writer.reader.get(pod.reference) == nil)
        }

        @Test func whatIsAsItWasSeenIsDeleted() async throws {
            let job = try await job(in: "delete-seen")
            try await writer.deleteUnchanged(job)
            #expect(try await writer.reader.get(Samples.job("delete-seen").reference) == nil)
            let gone = await #expect(throws: KubernetesError.self) {
                try await writer.deleteUnchanged(job)
            }
            #expect(gone?.serverReason == .notFound)
        }

        @Test func whatChangedSinceStays() async throws {
            let job = try await job(in: "delete-changed")
            var changed = Samples.job("delete-changed")
            changed.metadata.annotations = ["changed": "since"]
            try await writer.apply([changed])
            let refused = await #expect(throws: KubernetesError.self) {
                try await writer.deleteUnchanged(job)
            }
            #expect(refused?.serverReason == .conflict)
            #expect(try await writer.reader.get(Samples.job("delete-changed").reference) != nil)
        }

        @Test func anotherOfTheSameNameStays() async throws {
            let job = try await job(in: "delete-other")
            try await writer.deleteUnchanged(job)
            let other = try await self.job(in: "delete-other")
            #expect(other["metadata", "uid"] != job["metadata", "uid"])
            let refused = await #expect(throws: KubernetesError.self) {
                try await writer.deleteUnchanged(job)
            }
            #expect(refused?.serverReason == .conflict)
            #expect(try await writer.reader.get(Samples.job("delete-other").reference) != nil)
        }

        /// Of objects of any kind, where what was read is to be replaced or to begin anew.
        @Test func ofAnotherObjectOfTheSameNameNothingIsDeleted() async throws {
            try await writer.apply([Namespace(metadata: ObjectMeta(name: "delete-object"))])
            let map = Samples.configMap("delete-object")
            try await writer.create(map)
            let seen = try #require(try await writer.reader.get(map.reference))
            try await writer.delete([seen])
            #expect(try await writer.reader.get(map.reference) == nil)
            try await writer.delete([seen])
            try await writer.create(map)
            try await writer.delete([seen])
            #expect(try await writer.reader.get(map.reference) != nil)
        }
    }
}

extension ClusterWriter {
    /// Deletes whatever has these names; returns the names of what was there.
    @discardableResult
    func delete(_ references: [ObjectReference]) async throws -> [String] {
        let found = try await reader.get(references)
        try await delete(found)
        return found.compactMap { $0["metadata", "name"]?.string }
    }
}
