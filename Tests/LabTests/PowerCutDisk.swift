import Testing

/// The runner's state directory on an ext4 of its own in a file, whose power can be cut: what the kernel has not
/// written to that file by then is lost.
///
/// ext4 is told to write as late as it may, and not to write a file on its own account when another is renamed over it.
struct PowerCutDisk {
    private static let folder = "\(Lab.home)/power-cut"
    private static let mount =
        "mount -o loop,commit=300,data=writeback,noauto_da_alloc \"$1/disk\" \"$2\""

    init() async throws {
        try await Self.script(
            """
            rm -rf "$1"; mkdir "$1"
            truncate --size 64M "$1/disk"
            mkfs.ext4 -q "$1/disk"
            \(Self.mount)
            chmod 700 "$2"
            sync --file-system "$2"
            """)
    }

    /// The disk as it is after the power comes back.
    func cut() async throws {
        try await Self.script(
            """
            cp --sparse=always "$1/disk" "$1/left"
            umount "$2"
            mv "$1/left" "$1/disk"
            \(Self.mount)
            """)
    }

    func remove() async throws {
        try await Self.script(#"umount "$2"; rm -r "$1""#)
    }

    private static func script(_ text: String) async throws {
        let result = try await Command(["/bin/sh", "-ec", text, "sh", folder, Lab.state]).run()
        try #require(result.status == 0, "\(result.error)")
    }
}
