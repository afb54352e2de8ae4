#!/usr/bin/python3
"""A file system in memory that keeps, when its power is cut, only what was synced: of a file what was there at its last
fsync, and of a folder the names at its own.

    power_cut_fs.py MOUNT [--background]

Extended attributes of MOUNT control it:

- `user.cut-at` `N [STEP]` brings the power back, if it was cut, and cuts it at the N-th fsync from then on, or after the record
  with which STEP begins is written, before that fsync has an effect: the process that asks for it is killed, and everything
  fails with EIO. 0 never does.
- `user.fail-at` `N ERRNO`: from the N-th fsync on, whatever would change anything fails with ERRNO, until it is set again.
- `user.delay` SECONDS: how long each fsync takes.
- `user.syncs` can be read: the fsyncs since one of the first two was set; and `user.syncs-of-steps`: the same, of which each
  step began, as a JSON object, with those before the first step under "".
"""

import errno
import json
import os
import re
import signal
import stat
import sys
import time

from fusepy import FUSE, FuseOSError, Operations, fuse_get_context


class Node:
    """A file, a folder or a symbolic link: as it is, and as it would be found after a power cut."""

    def __init__(self, mode, owner):
        self.mode, self.owner = mode, owner
        self.data, self.synced_data = bytearray(), b""
        self.names, self.synced_names = {}, {}
        self.modified = time.time()

    def is_folder(self):
        return stat.S_ISDIR(self.mode)

    def lose(self):
        """What was not synced is gone, here and below."""
        self.data = bytearray(self.synced_data)
        self.names = dict(self.synced_names)
        for node in self.names.values():
            node.lose()


class PowerCutFileSystem(Operations):
    def __init__(self):
        self.root = Node(stat.S_IFDIR | 0o700, (0, 0))
        self.open_nodes = {}
        self.last_handle = 0
        self.syncs, self.cut_at, self.is_cut = 0, 0, False
        # Where the cut is counted from, and the step that is under way with the fsyncs of each.
        self.cut_in, self.step, self.steps = None, "", {}
        self.fail_at, self.error, self.delay = 0, 0, 0.0

    BEGINNING = re.compile(rb'"kind":"step.start".*"step":"([^"]+)"')
    CHANGES = ("mkdir", "create", "symlink", "link", "rename", "unlink", "rmdir", "write", "truncate", "chmod", "chown",
               "utimens", "fsync", "fsyncdir")

    def __call__(self, operation, *arguments):
        if self.is_cut and operation not in ("setxattr", "getxattr", "getattr", "destroy", "release", "releasedir"):
            raise FuseOSError(errno.EIO)
        if operation in ("fsync", "fsyncdir"):
            self.syncs += 1
            self.steps[self.step] = self.steps.get(self.step, 0) + 1
            time.sleep(self.delay)
        if self.fail_at and self.syncs >= self.fail_at and operation in self.CHANGES:
            raise FuseOSError(self.error)
        return super().__call__(operation, *arguments)

    # What is where

    def find(self, path):
        node = self.root
        for name in filter(None, path.split("/")):
            if not node.is_folder():
                raise FuseOSError(errno.ENOTDIR)
            node = node.names.get(name)
            if node is None:
                raise FuseOSError(errno.ENOENT)
        return node

    def place(self, path):
        folder, name = os.path.split(path)
        return self.find(folder), name

    def opened(self, path, handle):
        return self.open_nodes.get(handle) or self.find(path)

    def add(self, path, mode):
        folder, name = self.place(path)
        if name in folder.names:
            raise FuseOSError(errno.EEXIST)
        user, group, _ = fuse_get_context()
        node = folder.names[name] = Node(mode, (user, group))
        return node

    # The power

    def sync(self, node):
        count = self.syncs if self.cut_in is None else self.steps[self.step] if self.step == self.cut_in else 0
        if self.cut_at and count == self.cut_at:
            self.is_cut = True
            os.kill(fuse_get_context()[2], signal.SIGKILL)
            raise FuseOSError(errno.EIO)
        node.synced_data = bytes(node.data)
        node.synced_names = dict(node.names)
        return 0

    def fsync(self, path, datasync, handle):
        return self.sync(self.opened(path, handle))

    def fsyncdir(self, path, datasync, handle):
        return self.sync(self.find(path))

    def setxattr(self, path, name, value, options, position=0):
        if path != "/":
            raise FuseOSError(errno.ENOTSUP)
        if name == "user.cut-at":
            if self.is_cut:
                self.root.lose()
                self.open_nodes.clear()
            number, *steps = value.decode().split()
            self.is_cut, self.syncs, self.cut_at = False, 0, int(number)
            self.cut_in, self.step, self.steps = steps[0] if steps else None, "", {}
        elif name == "user.fail-at":
            self.syncs = 0
            self.fail_at, self.error = map(int, value.split())
        elif name == "user.delay":
            self.delay = float(value)
        else:
            raise FuseOSError(errno.ENOTSUP)
        return 0

    def getxattr(self, path, name, position=0):
        if (path, name) == ("/", "user.syncs"):
            return str(self.syncs).encode()
        if (path, name) == ("/", "user.syncs-of-steps"):
            return json.dumps(self.steps).encode()
        raise FuseOSError(errno.ENODATA)

    # What every file system does

    def getattr(self, path, handle=None):
        node = self.opened(path, handle)
        # A folder with two links is one that has no folders, as those take it that walk through a tree.
        return {
            "st_mode": node.mode, "st_nlink": 1, "st_size": len(node.data),
            "st_uid": node.owner[0], "st_gid": node.owner[1], "st_blocks": (len(node.data) + 511) // 512,
            "st_mtime": node.modified, "st_ctime": node.modified, "st_atime": node.modified,
        }

    def statfs(self, path):
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bfree": 1 << 19, "f_bavail": 1 << 19,
                "f_files": 1 << 20, "f_ffree": 1 << 19, "f_favail": 1 << 19, "f_namemax": 255}

    def readdir(self, path, handle):
        # With what each is: who walks through folders need not ask again.
        return [".", "..", *((name, {"st_mode": node.mode}, 0) for name, node in self.find(path).names.items())]

    def mkdir(self, path, mode):
        self.add(path, stat.S_IFDIR | mode)

    def create(self, path, mode, information=None):
        return self.handle(self.add(path, stat.S_IFREG | mode))

    def symlink(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777).data[:] = target.encode()

    def readlink(self, path):
        return self.find(path).data.decode()

    def link(self, path, existing):
        folder, name = self.place(path)
        if name in folder.names:
            raise FuseOSError(errno.EEXIST)
        folder.names[name] = self.find(existing)

    def rename(self, old, new):
        (source, name), (target, new_name) = self.place(old), self.place(new)
        node = self.find(old)
        there = target.names.get(new_name)
        if there is not None and there.is_folder() and there.names:
            raise FuseOSError(errno.ENOTEMPTY)
        del source.names[name]
        target.names[new_name] = node

    def unlink(self, path):
        folder, name = self.place(path)
        self.find(path)
        del folder.names[name]

    def rmdir(self, path):
        if self.find(path).names:
            raise FuseOSError(errno.ENOTEMPTY)
        self.unlink(path)

    def handle(self, node):
        self.last_handle += 1
        self.open_nodes[self.last_handle] = node
        return self.last_handle

    def open(self, path, flags):
        node = self.find(path)
        if flags & os.O_TRUNC:
            node.data.clear()
        return self.handle(node)

    def release(self, path, handle):
        self.open_nodes.pop(handle, None)
        return 0

    def read(self, path, size, offset, handle):
        return bytes(self.opened(path, handle).data[offset:offset + size])

    def write(self, path, data, offset, handle):
        node = self.opened(path, handle)
        node.data.extend(bytes(max(0, offset - len(node.data))))
        node.data[offset:offset + len(data)] = data
        # A write comes in two where it crosses a page of the file, and a record with it: its whole line is looked at.
        begun = self.BEGINNING.search(node.data, node.data.rfind(b"\n", 0, offset) + 1)
        if begun:
            self.step = begun[1].decode()
        node.modified = time.time()
        return len(data)

    def truncate(self, path, length, handle=None):
        node = self.opened(path, handle)
        del node.data[length:]
        node.data.extend(bytes(length - len(node.data)))

    def chmod(self, path, mode):
        self.find(path).mode = mode

    def chown(self, path, user, group):
        self.find(path).owner = (user, group)

    def utimens(self, path, times=None):
        self.find(path).modified = times[1] if times else time.time()


if __name__ == "__main__":
    background = sys.argv[2:] == ["--background"]
    if background:
        # Whoever started it waits until all that it has open there is closed.
        os.closerange(3, 1024)
        with open(os.devnull, "r+b") as nothing:
            for number in range(3):
                os.dup2(nothing.fileno(), number)
    # What the kernel keeps of names and files would outlive a power cut.
    FUSE(PowerCutFileSystem(), sys.argv[1], foreground=not background, nothreads=True, allow_other=True, nonempty=True,
         attr_timeout=0, entry_timeout=0, negative_timeout=0, fsname="power-cut")
