import Foundation
import Testing

@testable import StepKit
@testable import Steps

@Suite struct InventoryImportTests {
    /// The platform as kubespray knows it, every value on a line of its own.
    private static let platform = """
        all:
          vars:
            ansible_user: root
            ansible_ssh_private_key_file: ~/.ssh/keybuzz_infra
          hosts:
        \(["master": 100...102, "worker": 110...114].sorted { $0.key < $1.key }.map(lines).joined(separator: "\n"))
          children:
            kube_control_plane:
              hosts: { k8s-master-01: , k8s-master-02: , k8s-master-03: }
            kube_node:
              hosts: { k8s-worker-01: , k8s-worker-02: , k8s-worker-03: , k8s-worker-04: , k8s-worker-05: }
            etcd:
              hosts: { k8s-master-01: , k8s-master-02: , k8s-master-03: }
            k8s_cluster:
              children: { kube_control_plane: , kube_node: }
            calico_rr:
              hosts: {}
        """

    private static func lines(_ kind: String, _ numbers: ClosedRange<Int>) -> String {
        numbers.enumerated().map { index, number in
            """
                k8s-\(kind)-0\(index + 1):
                  ansible_host: 10.0.0.\(number)
                  ip: 10.0.0.\(number)
                  access_ip: 10.0.0.\(number)
            """
        }.joined(separator: "\n")
    }

    private static let small = """
        all:
          hosts:
            one: { ansible_host: 10.0.0.1 }
            two: { ansible_host: 10.0.0.2 }
          children:
            kube_control_plane: { hosts: { one: } }
            kube_node: { hosts: { two: } }
        """

    private func result(
        _ yaml: String, values: [String: String] = [:], isLike: Bool = true
    ) throws(InventoryError) -> InventoryImport.Result {
        let like = isLike ? InventorySample.package + "inventory.json" : nil
        return try InventoryImport(
            values: values, like: like, folder: InventorySample.package,
            for: InventorySample.modules
        )
        .convert(yaml, file: "hosts.yaml")
    }

    private func inventory(_ yaml: String) throws -> Inventory {
        try InventorySample.parse(try result(yaml).text)
    }

    private func problems(_ yaml: String) -> [InventoryProblem] {
        do {
            _ = try result(yaml)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func thePlatformComesOutAsItIs() throws {
        let made = try inventory(Self.platform)
        let shipped = try Inventory.load(
            path: InventorySample.package + "inventory.json", for: InventorySample.modules)
        #expect(made.hosts == shipped.hosts)
        #expect(made.ssh == shipped.ssh)
        #expect(made.chatwoot == shipped.chatwoot)
        #expect(made.cluster == shipped.cluster)
        let notes = try result(Self.platform).notes.map(\.message)
        #expect(
            notes
                == ["install-01", "backup-01"].map {
                    "the host \($0), outside Kubernetes, is taken from the --like inventory"
                })
    }

    @Test func whatNobodySaysIsToBeFilledInAndAcceptedByNothing() throws {
        let made = try result(Self.platform, values: ["chatwoot.domain": "support.keybuzz.io"], isLike: false)
        #expect(
            made.blanks == [
                "name", "cluster.nodeNetwork", "cluster.podCIDR", "cluster.serviceCIDR", "postgres.hosts", "redis.host",
                "chatwoot.image", "firewall.policy",
            ])
        let problems = InventorySample.problems(in: made.text)
        #expect(
            Set(problems.map(\.path)) == Set(made.blanks.map { $0 == "postgres.hosts" ? "postgres.hosts[0]" : $0 }))
        #expect(problems.allSatisfy { $0.message.hasPrefix("has not been filled in yet: ") })
        let keyless = try result(Self.small, isLike: false)
        #expect(keyless.blanks.contains("ssh.key"))
        #expect(InventorySample.problems(in: keyless.text).contains { $0.path == "ssh.key" })
        #expect(try !result(Self.small, values: ["ssh.agent": "k.pub"], isLike: false).blanks.contains("ssh.key"))
    }

    @Test func givenValuesBeatTheYAMLWhichBeatsTheFollowedInventory() throws {
        let yaml = Self.small.replacing(
            "  hosts:\n    one", with: "  vars: { kube_pods_subnet: 10.8.0.0/16 }\n  hosts:\n    one")
        #expect(try inventory(yaml).cluster.podCIDR == CIDR("10.8.0.0/16"))
        let given = try result(yaml, values: ["cluster.podCIDR": "10.9.0.0/16", "postgres.hosts": "10.0.0.8,10.0.0.9"])
        #expect(try InventorySample.parse(given.text).cluster.podCIDR == CIDR("10.9.0.0/16"))
        #expect(try InventorySample.parse(given.text).postgres.hosts == ["10.0.0.8", "10.0.0.9"])
    }

    @Test func variablesComeFromTheHostThenTheInnermostGroup() throws {
        let made = try inventory(
            """
            all:
              vars: { ansible_user: outer, ansible_port: 22 }
              children:
                cluster:
                  vars: { ansible_user: middle }
                  children:
                    kube-master: { hosts: { one: { ansible_host: 10.0.0.1, ansible_user: own } } }
                    kube-node:
                      vars: { ansible_port: 2222 }
                      hosts: { two: { ip: 10.0.0.2 }, three: { access_ip: 10.0.0.3, ip: 10.0.0.4 } }
            """)
        let hosts = made.nodes
        #expect(made.backupHost.map { "\($0.user)@\($0.name):\($0.port)" } == "root@backup-01:22")
        #expect(
            hosts.map { "\($0.user)@\($0.name):\($0.port)" } == ["own@one:22", "middle@two:2222", "middle@three:2222"])
        #expect(hosts.map(\.address) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        #expect(hosts.map(\.roles) == [[.master], [.worker], [.worker]])
    }

    @Test func anchorsAliasesAndMergeKeysAreResolved() throws {
        let made = try inventory(
            """
            all:
              vars:
                shared: &shared { ansible_user: deploy, ansible_port: 2200 }
              hosts:
                one: { ansible_host: 10.0.0.1, <<: *shared }
                two: { <<: [ *shared ], ansible_port: 22, ansible_host: 10.0.0.2 }
              children:
                kube_control_plane: &group { hosts: { one: , two: } }
                kube_node: *group
            """)
        #expect(
            made.masters.map { "\($0.user)@\($0.address):\($0.port)" } == [
                "deploy@10.0.0.1:2200", "deploy@10.0.0.2:22",
            ])
        #expect(made.masters.allSatisfy { $0.roles == [.master, .worker] })
    }

    @Test(arguments: [
        ("-J two", "two"), ("-o ProxyJump=root@10.0.0.2:22", "two"), ("-C -o 'ProxyJump two'", "two"), ("-Jtwo", "two"),
        ("-J elsewhere", nil), ("-J ops@two", nil), ("-J two:2222", nil), ("-J two,three", nil),
        ("-o ProxyCommand=\\\"ssh -W %h:%p two\\\"", nil), ("-J {{ bastion }}", nil),
    ])
    func aJumpHostIsTakenOverWhereItIsPlainlyOneOfTheHosts(arguments: String, via: String?) throws {
        let yaml = Self.small.replacing("10.0.0.1 }", with: "10.0.0.1, ansible_ssh_common_args: \"\(arguments)\" }")
        let made = try result(yaml)
        #expect(try InventorySample.parse(made.text).hosts.prefix(2).map(\.via) == [via, nil])
        let note = made.notes.first { $0.path == "all.hosts.one.ansible_ssh_common_args" }
        #expect((note == nil) == (via != nil))
        #expect(note.map { $0.message.contains("cannot be imported") && $0.line == 3 } ?? true)
    }

    @Test func theOnlyBastionIsTheJumpHostOfAll() throws {
        let made = try result(
            Self.small + "\n    bastion: { hosts: { gate: { ansible_host: 192.0.2.1, ansible_user: ops } } }")
        let parsed = try InventorySample.parse(made.text)
        #expect(parsed.ssh.via == "gate")
        #expect(parsed.hosts.prefix(3).map(\.via) == ["gate", "gate", nil])
        #expect(parsed.hosts[2].roles == [.operator])
        #expect(made.notes.contains { $0.message.contains("bastion") })
    }

    @Test func whatIsNotTakenOverIsNamedWithItsPlaceAndSecretsAreNot() throws {
        let made = try result(
            """
            all:
              vars: { ansible_password: hunter2, ansible_become: yes, ansible_user: deploy }
              hosts:
                one: { ansible_host: 10.0.0.1, ip: 10.1.0.1, ansible_ssh_private_key_file: keys/a }
                two: { ansible_host: 10.0.0.2, ansible_ssh_private_key_file: keys/b }
                store: { ansible_host: 10.0.0.9 }
              children:
                kube_control_plane: { hosts: { one: , two: } }
                etcd: { hosts: { store: } }
            """)
        let lines = made.notes.map { $0.line(in: "h") }
        for words in [
            "h:2:29: all.vars.ansible_password: is not used",
            "h:4:40: all.hosts.one.ip: differs from the address 10.0.0.1", "h:5:66: all.hosts.two",
            "is a relative path",
            "h:6:5: all.hosts.store: is neither a master nor a worker",
        ] {
            #expect(lines.contains { $0.contains(words) }, "\(words) in \(lines)")
        }
        #expect(!(made.text + lines.joined()).contains("hunter2"))
        #expect(!made.text.contains("store"))
        #expect(made.text.contains("keys/a") && !made.text.contains("keys/b"))
    }

    @Test func whereAnsibleBecomesRootSoDoesTheRunner() throws {
        let made = try result(
            """
            all:
              vars: { ansible_user: deploy, ansible_become: true, ansible_become_pass: hunter2 }
              hosts:
                one: { ansible_host: 10.0.0.1 }
                two: { ansible_host: 10.0.0.2, ansible_become: false }
                three: { ansible_host: 10.0.0.3, ansible_user: root, ansible_become_method: doas }
                four: { ansible_host: 10.0.0.4 }
              children:
                kube_control_plane: { hosts: { one: , two: , three: , four: } }
            """)
        let parsed = try InventorySample.parse(made.text)
        #expect(parsed.ssh.become == .sudo)
        #expect(parsed.hosts.prefix(4).map(\.become) == [.sudo, .nothing, .sudo, .sudo])
        let lines = made.notes.map(\.message)
        for words in ["sudo must ask for no password", "is not used: the runner becomes root, by sudo"] {
            #expect(lines.contains { $0.contains(words) }, "\(words) in \(lines)")
        }
        #expect(!(made.text + lines.joined()).contains("hunter2"))
    }

    @Test func everyMistakeIsReportedAtOnceInTheYAMLsOwnPlaces() {
        let found = problems(
            """
            all:
              hosts:
                Upper_Case: { ansible_host: 10.0.0.1 }
                two: { ansible_host: 10.0.0.300, ansible_port: 99999 }
                three: { ansible_host: 10.0.0.3, ansible_user: "a b" }
                four: { ansible_host: 10.0.0.3 }
              children:
                kube_control_plane: { hosts: { Upper_Case: , two: , three: , four: } }
            """)
        #expect(
            found.map { "\($0.line ?? 0) \($0.path)" } == [
                "3 all.hosts.Upper_Case", "4 all.hosts.two.ansible_host", "4 all.hosts.two.ansible_port",
                "5 all.hosts.three.ansible_user", "6 all.hosts.four.ansible_host",
            ], "\(found)")
        #expect(found.last?.message == "is already the address of hosts[2]")
    }

    @Test(arguments: [
        ("", "", 1, "is empty"), ("all: [", "", 2, "is not YAML"),
        ("all:\n  hosts: { a: 1, a: 2 }", "", 2, "is defined twice"),
        ("all: 7", "all", 1, "must be a mapping"), ("all:\n  hosts: [a]", "all.hosts", 2, "must be a mapping"),
        ("all:\n  host: {}", "all.host", 2, "is not a part of a group"),
        ("all: { hosts: {} }", "all.hosts", 1, "names no host"),
        ("all: { hosts: { \"n[1:3]\": } }", "all.hosts.n[1:3]", 1, "is a range of hosts"),
        ("all: { hosts: { a: } }", "all.children", 1, "have no host in the group kube_control_plane"),
        ("all: &a { children: { x: *a } }", "", 1, "is not YAML"),
        ("a: { children: { b: } }\nb: { children: { a: } }", "", 1, "contain one another"),
        (
            "kube_node: { hosts: { a: { ansible_host: \"{{ x }}\" } } }", "kube_node.hosts.a.ansible_host", 1,
            "is a template"
        ),
        (
            "kube_node: { hosts: { a: { ansible_port: ssh } } }", "kube_node.hosts.a.ansible_port", 1,
            "must be a whole number"
        ),
    ])
    func whatIsNoInventoryIsRefusedAtItsPlace(yaml: String, path: String, line: Int, message: String) throws {
        let found = problems(yaml)
        let problem = try #require(found.first)
        #expect(found.count == 1, "\(found)")
        #expect(problem.path == path)
        #expect(problem.line == line)
        #expect(problem.message.contains(message), "\(problem.message)")
    }

    @Test(arguments: [
        ("[kube_control_plane]\nnode1 ansible_host=10.0.0.1\n", 1),
        ("# hosts\n\n; old\nnode1 ansible_host=10.0.0.1\n", 4),
        ("[all:vars]\nansible_user=root\n", 1), ("node1\nnode2\n", 1), ("node[1:3].example.org ip = 10.0.0.1", 1),
        ("[kube_node:children] ; all\nworkers", 1),
    ])
    func anINIInventoryGetsTheCommandThatTurnsItIntoYAML(text: String, line: Int) throws {
        let error = try #require(throws: InventoryError.self) {
            try InventoryImport(like: nil, folder: "/", for: []).convert(text, file: "my inventory/hosts.ini")
        }
        #expect(error.problems.map(\.line) == [line])
        #expect(
            error.problems[0].message.contains(
                "`ansible-inventory -i 'my inventory/hosts.ini' --list --yaml > 'my inventory/hosts.yaml'`"))
    }

    @Test func aVaultedFileGetsTheCommandThatDecryptsIt() throws {
        let error = try #require(throws: InventoryError.self) {
            try InventoryImport(like: nil, folder: "/", for: [])
                .convert("$ANSIBLE_VAULT;1.1;AES256\n3031\n", file: "hosts.yaml")
        }
        #expect(error.problems[0].message.contains("`ansible-vault decrypt --output hosts-plain.yaml hosts.yaml`"))
    }

    @Test(arguments: [
        "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3031", "{ __ansible_vault: \"$ANSIBLE_VAULT;1.1;AES256\" }",
        "\"$ANSIBLE_VAULT;1.1;AES256\"",
    ])
    func aVaultedVariableIsCalledVaultedWhereItIsNeeded(value: String) throws {
        let indented = value.replacing("\n", with: "\n        ")
        func yaml(_ name: String) -> String {
            """
            kube_control_plane:
              vars:
                \(name): \(indented)
              hosts: { one: { access_ip: 10.0.0.1 }, two: { access_ip: 10.0.0.2 } }
            """
        }
        for name in ["ansible_host", "ansible_user", "ansible_port", "ansible_ssh_common_args", "kube_pods_subnet"] {
            let found = problems(yaml(name))
            #expect(found.map(\.path) == ["kube_control_plane.vars.\(name)"], "\(found)")
            #expect(found.first?.message.hasPrefix("is vaulted") == true)
            #expect(found.first?.message.contains("-m debug -a var=\(name) --ask-vault-pass") == true)
        }
        for name in ["ansible_password", "some_token"] { #expect(problems(yaml(name)) == []) }
    }

    @Test func aFileIsNotReplacedUnlessAskedFor() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/inventory.json"
        try InventoryImport.write("one", to: path, isForced: false)
        let error = try #require(throws: StepFailure.self) {
            try InventoryImport.write("two", to: path, isForced: false)
        }
        #expect(error.remedy.contains("--force"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "one")
        try InventoryImport.write("two", to: path, isForced: true)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["inventory.json"])
    }

    @Test func pathsOfTheFollowedInventoryMeanTheSameFilesElsewhere() throws {
        let folder = try TemporaryFolder()
        let text = try InventorySample.changed([
            ("\"key\": \"/var/lib/keybuzz-lab/ssh/id_ed25519\"", "\"agent\": \"keys/infra.pub\""),
            ("[\"/var/lib/keybuzz-lab/ssh/known_hosts\"]", "[\"~/.ssh/known_hosts\", \"known\"]"),
        ])
        try folder.write("like.json", text)
        let made = try InventoryImport(
            like: folder.path + "/like.json", folder: "/etc/keybuzz", for: InventorySample.modules
        ).convert(
            Self.small, file: "hosts.yaml")
        let parsed = try InventorySample.parse(made.text)
        let home = try Inventory.load(
            path: folder.path + "/like.json", for: InventorySample.modules
        ).path.dropLast("/like.json".count)
        #expect(parsed.ssh.identity == .agent(publicKey: home + "/keys/infra.pub"))
        #expect(parsed.ssh.knownHosts == [NSHomeDirectory() + "/.ssh/known_hosts", home + "/known"])
    }
}
